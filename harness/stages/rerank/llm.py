"""Listwise reranking with a language model, which reads a sliding window of passages and writes their order."""

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
"""The number of digits of an identifier that are read, more than any window needs."""
IDENTIFIER = re.compile(r"\[([0-9]+)\]")


class Order(NamedTuple):
    """The order of the passages of a window, read from an answer."""

    places: list[int]
    """The places of the passages in the window, from 0, best first."""
    malformed: bool


class LlmReranker(ChatSettings, Reranker):
    """Reorders documents with a language model that ranks a sliding window of passages (RankGPT, Sun et al. 2023).

    https://arxiv.org/abs/2304.09542. The first window contains the last `window` of the `depth` documents. Each further
    window is `stride` places higher, up to the top, so that good documents move upwards. A malformed answer leaves its
    window in the previous order, and is counted.
    """

    chunk_rows: ClassVar[int] = 16

    depth: int = Field(ge=1)
    """The number of documents per query that are reordered; the documents below them keep their order."""
    window: int = Field(default=20, ge=2)
    """The number of passages per request."""
    stride: int = Field(default=10, ge=1)
    """The number of places that the window moves; it must be less than `window`, so that documents can rise."""
    max_characters: int = Field(default=1800, ge=1)
    """The number of characters shown per passage, after collapsing white space; 1,800 are some 300 English words."""
    prompt: str = PROMPT
    """The prompt; `{query}`, `{passages}` and `{count}` are replaced by their values."""
    max_tokens: int = Field(default=512, ge=1)
    """The maximum length of an answer in tokens; an identifier takes about five, and reasoning takes thousands."""
    repair: bool = False
    """Whether the usable part of a malformed answer is used, as in RankGPT: the passages that it names come first, the
    others follow in their order. The answer is counted as malformed all the same."""

    @field_validator("prompt")
    @classmethod
    def _check_prompt(cls, prompt: str) -> str:
        for placeholder in ("{query}", "{passages}"):
            if placeholder not in prompt:
                raise ValueError(f"a prompt must contain {placeholder}")
        return prompt

    @model_validator(mode="after")
    def _check_stride(self) -> Self:
        if self.stride >= self.window:
            raise ValueError("the stride must be less than the window, so that documents can rise between windows")
        return self

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Create the client; the call reorders a Run, whose `rows` are rows of `queries`.

        Scores are ranks: `depth` for the first document, one less for each document below it. The call raises UserError
        as `Endpoint.attempt` does.
        """
        chat, texts, query_texts = Chat(self, runtime.bill), corpus.table["text"], queries.texts

        def rerank(run: Run) -> Run:
            def ranked(row: int) -> tuple[np.ndarray, list[bool]]:
                candidates = documents[row][documents[row] != NONE]
                return self._slide(chat, query_texts[run.rows[row]], candidates, texts)

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
        """Return the new order of one query's documents, and for each window whether its answer was malformed."""
        shown = {row: self._shown(text) for row, text in zip(documents, texts.take(documents).to_pylist(), strict=True)}
        malformed = []
        for part in windows(len(documents), self.window, self.stride):
            passages = [shown[row] for row in documents[part]]
            message = {"role": "user", "content": self._filled_prompt(query, passages)}
            answer = chat.ask([message], max_tokens=self.max_tokens, temperature=self.temperature, seed=self.seed)
            order = read(answer.text, len(passages), repair=self.repair)
            documents[part] = documents[part][order.places]
            malformed.append(order.malformed)
        return documents, malformed

    def _shown(self, text: str) -> str:
        """Return a passage on one line, truncated, with numbers in square brackets put in round brackets."""
        return IDENTIFIER.sub(r"(\1)", " ".join(text.split())[: self.max_characters])

    def _filled_prompt(self, query: str, passages: list[str]) -> str:
        listed = "\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, 1))
        values = {"query": query, "passages": listed, "count": str(len(passages))}
        return re.sub(r"\{(query|passages|count)\}", lambda match: values[match[1]], self.prompt)


def windows(count: int, size: int, stride: int) -> Iterator[slice]:
    """Yield the windows over `count` documents from the bottom to the top; the top one is as large as the others.

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
    """Read the order of `count` passages from the numbers in square brackets; everything between them is ignored.

    An answer is malformed unless it contains each number from 1 to `count` exactly once and no other. The passages then
    keep their order; with `repair`, the passages that the answer names come first.

    >>> read("[2] > [3] > [1]", 3, repair=False), read("[3] > [3] > [9]", 3, repair=True)
    (Order(places=[1, 2, 0], malformed=False), Order(places=[2, 0, 1], malformed=True))
    """
    places = [int(number[:DIGITS]) - 1 for number in IDENTIFIER.findall(answer)]
    if sorted(places) == list(range(count)):
        return Order(places, malformed=False)
    named = dict.fromkeys(place for place in places if repair and 0 <= place < count)
    return Order([*named, *(place for place in range(count) if place not in named)], malformed=True)
