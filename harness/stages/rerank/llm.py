"""A language model as a listwise reranker: it reads a window of passages and writes their order; the window slides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.models.chat import Chat, ChatSettings, each
from harness.stage import Reranker, Runtime

PROMPT = """Below are {count} passages, each behind its identifier in square brackets, and a query.

{passages}

Query: {query}

Put all {count} passages in the order of how well they answer the query, the best first. Write nothing but their \
identifiers, each once, like this: [2] > [3] > [1]"""
DIGITS = 9
"""Of an identifier that are read: more than any window needs."""
IDENTIFIER = re.compile(r"\[([0-9]+)\]")


class Order(NamedTuple):
    """The order that an answer gives to the passages of a window, as places in it from 0; whether it was malformed."""

    places: list[int]
    malformed: bool


class LlmReranker(ChatSettings, Reranker):
    """Order the first `depth` documents of each query by what a language model writes about windows of them.

    RankGPT: Sun et al. 2023, https://arxiv.org/abs/2304.09542. The first window holds the last `window` of the
    documents, each further one stands `stride` higher, the last one at the top; so good documents are carried upwards.
    A malformed answer leaves the documents of its window in the order in which they came, and is counted.
    """

    chunk_rows: ClassVar[int] = 16

    depth: int = Field(ge=1)
    """How many documents of each query are put in a new order; those below follow as they stood."""
    window: int = Field(default=20, ge=2)
    """Passages that one question shows."""
    stride: int = Field(default=10, ge=1)
    """How far the window moves upwards; less than the window, or nothing is carried on."""
    max_characters: int = Field(default=1800, ge=1)
    """Of a passage that are shown, white space taken together: some 300 words of English."""
    prompt: str = PROMPT
    """The question, where `{query}`, `{passages}` and `{count}` stand for what they say."""
    max_tokens: int = Field(default=512, ge=1)
    """The most that an answer may have; an identifier takes about five, and a model that thinks first thousands."""
    repair: bool = False
    """Take from a malformed answer what it says, the other passages behind in their order; it is counted all the same.

    So does RankGPT.
    """

    @field_validator("prompt")
    @classmethod
    def _whole(cls, prompt: str) -> str:
        for word in ("{query}", "{passages}"):
            if word not in prompt:
                raise ValueError(f"a prompt says where to put {word}")
        return prompt

    @model_validator(mode="after")
    def _overlapping(self) -> Self:
        if self.stride >= self.window:
            raise ValueError("the stride is less than the window, or no document could rise from one to the next")
        return self

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Make the client; the call reorders a Run, whose `rows` are rows of `queries`.

        Scores are places: `depth` for the first document, one less for each below it. UserError as `Endpoint.attempt`
        raises it.
        """
        chat, texts, asked = Chat(self, runtime.bill), corpus.table["text"], queries.texts

        def rerank(run: Run) -> Run:
            def ranked(row: int) -> tuple[np.ndarray, list[bool]]:
                found = documents[row][documents[row] != NONE]
                return self._slide(chat, asked[run.rows[row]], found, texts)

            documents = np.array(run.documents[:, : self.depth])
            answers: list[bool] = []
            for row, (order, malformed) in enumerate(each(ranked, range(len(run)), self.parallel, chat.stop)):
                documents[row, : len(order)] = order
                answers += malformed
            chat.count(len(answers), sum(answers))
            places = np.arange(documents.shape[1], dtype=np.float32)
            scores = np.where(documents == NONE, np.float32(-np.inf), np.float32(self.depth) - places)
            return run.led_by(Run(documents, scores, run.rows))

        return rerank

    def _slide(
        self, chat: Chat, query: str, documents: np.ndarray, texts: pa.ChunkedArray
    ) -> tuple[np.ndarray, list[bool]]:
        """Return the documents of one query in their new order, and of each window whether its answer was malformed."""
        shown = {row: self._shown(text) for row, text in zip(documents, texts.take(documents).to_pylist(), strict=True)}
        malformed = []
        for part in windows(len(documents), self.window, self.stride):
            passages = [shown[row] for row in documents[part]]
            question = {"role": "user", "content": self._question(query, passages)}
            answer = chat.ask([question], max_tokens=self.max_tokens, temperature=self.temperature, seed=self.seed)
            order = read(answer.text, len(passages), repair=self.repair)
            documents[part] = documents[part][order.places]
            malformed.append(order.malformed)
        return documents, malformed

    def _shown(self, text: str) -> str:
        """Return a passage on one line, cut, without what looks like an identifier."""
        return IDENTIFIER.sub(r"(\1)", " ".join(text.split())[: self.max_characters])

    def _question(self, query: str, passages: list[str]) -> str:
        listed = "\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, 1))
        words = {"query": query, "passages": listed, "count": str(len(passages))}
        return re.sub(r"\{(query|passages|count)\}", lambda match: words[match[1]], self.prompt)


def windows(count: int, size: int, stride: int) -> Iterator[slice]:
    """Give the windows over so many documents from the bottom to the top; the one at the top is as large as the others.

    >>> [(part.start, part.stop) for part in windows(30, 12, 8)]
    [(18, 30), (10, 22), (2, 14), (0, 12)]
    """
    start = count - size
    while start > 0:
        yield slice(start, start + size)
        start -= stride
    if count > 1:
        yield slice(0, min(size, count))


def read(answer: str, count: int, *, repair: bool) -> Order:
    """Read the order of `count` passages: the identifiers in square brackets, whatever stands between them.

    An answer is malformed unless it names each of 1 to `count` once and no other: then the passages stay as they stood,
    behind those that it names first, where it is to be repaired.

    >>> read("[2] > [3] > [1]", 3, repair=False), read("[3] > [3] > [9]", 3, repair=True)
    (Order(places=[1, 2, 0], malformed=False), Order(places=[2, 0, 1], malformed=True))
    """
    said = [int(number[:DIGITS]) - 1 for number in IDENTIFIER.findall(answer)]
    if sorted(said) == list(range(count)):
        return Order(said, malformed=False)
    kept = dict.fromkeys(place for place in said if repair and 0 <= place < count)
    return Order([*kept, *(place for place in range(count) if place not in kept)], malformed=True)
