"""What the arrangers share: texts taken in the order of a run until a budget of tokens is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow.compute as pc
from pydantic import Field

from harness.artifacts.arrow import to_numpy
from harness.artifacts.contexts import Budget, Context, Contexts
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.models.tokenizer import Places, tokens_of
from harness.stage import Arranger, Runtime

HELD = 64
"""Texts whose tokens are held: long documents are found by many queries."""


class Wanted(NamedTuple):
    """What a query found, and what is to be read with it: characters of one document."""

    document: int
    start: int
    end: int
    """[start, end) was found."""
    first: int
    last: int
    """[first, last) is to be read: that, or more."""

    def apart_from(self, taken: Iterable[Context]) -> Wanted | None:
        """Draw it in to where nothing of `taken`, of the same document, stands; None where nothing is left of it."""
        start, end, first, last = self[1:]
        for held in taken:
            if held.start <= start:
                start, first = max(start, held.end), max(first, held.end)
            else:
                end, last = min(end, held.start), min(last, held.start)
        return Wanted(self.document, start, end, first, last) if start < end else None


class BudgetedArranger(Arranger):
    """An arranger within a budget, counted by the tokenizer of `model`, or by a rule where there is none.

    Texts are taken in the order of the run. `overflow` says what becomes of one that does not fit whole: `cut` takes
    as many of its tokens as do and ends there; `skip` passes it over, and a shorter one below it may follow.
    """

    tokens: int = Field(default=2000, ge=1)
    """How many tokens the texts of a query may have together."""
    overflow: Literal["cut", "skip"] = "cut"
    apart: ClassVar[bool] = False
    """Whether no character of a document is given twice."""

    def wanted(self, texts: Corpus, corpus: Corpus) -> Callable[[int], Wanted]:
        """Return what says of a row of `texts` what is to be read for it: as it comes, exactly that text."""
        del corpus
        spans = spans_of(texts)
        return lambda row: Wanted(*(span := spans(row)), *span[1:])

    def order(self, contexts: list[Context]) -> list[Context]:
        """Put the texts of a query, best first, into the order in which a reader gets them: as it comes, that one."""
        return contexts

    def open(
        self, runtime: Runtime, texts: Corpus, corpus: Corpus, queries: Queries, model: Model | None
    ) -> Callable[[Run], Contexts]:
        """Load the tokenizer, not the weights; the call arranges a Run. UserError for a model without a fast one."""
        del runtime
        tokens = tokens_of(model, self.word())
        reader = _Reader(self, corpus, tokens.places, self.wanted(texts, corpus))
        budget = Budget(self.tokens, tokens.counted_by)

        def arrange(run: Run) -> Contexts:
            ids = queries.table["id"].slice(run.rows.start, len(run)).to_pylist()
            found = [self.order(list(reader.read(*row))) for row in zip(run.documents, run.scores, strict=True)]
            return Contexts(ids, found, budget, run.rows)

        return arrange


class _Reader:
    """Takes the texts of one query after the other."""

    def __init__(
        self, stage: BudgetedArranger, corpus: Corpus, places: Places, wanted: Callable[[int], Wanted]
    ) -> None:
        self.stage, self.places, self.wanted = stage, places, wanted
        self.ids, self.texts = corpus.table["id"], corpus.table["text"]
        self.within = lru_cache(HELD)(self._within)

    def read(self, documents: np.ndarray, scores: np.ndarray) -> Iterator[Context]:
        """Give the texts of one query, best first."""
        taken: dict[int, list[Context]] = {}
        left = self.stage.tokens
        for rank, row in enumerate(documents[documents != NONE].tolist(), start=1):
            one: Wanted | None = self.wanted(row)
            if one is not None and self.stage.apart:
                one = one.apart_from(taken.get(one.document, ()))
            if one is None:
                continue
            part = Part(one.first, one.last, len(self.within(one.document, one.first, one.last)))
            whole = part.tokens <= left
            if not part.tokens or not (whole or self.stage.overflow == "cut"):
                continue
            if not whole:
                part = self.cut(one, left)
            if part.tokens:
                text = self._text(one.document, part.start, part.end)
                key = self.ids[one.document].as_py()
                context = Context(key, part.start, part.end, rank, float(scores[rank - 1]), part.tokens, text)
                taken.setdefault(one.document, []).append(context)
                yield context
            left -= part.tokens
            if not whole or not left:
                return

    def cut(self, one: Wanted, room: int) -> Part:
        """Return the part of what is wanted that has `room` tokens, what was found in its midst, or its beginning.

        A part may have more tokens by itself than it had within the text; then it is made smaller.
        """
        tokens = self.within(one.document, one.first, one.last)
        before = int(np.searchsorted(tokens[:, 1], one.start, side="right"))
        behind = len(tokens) - int(np.searchsorted(tokens[:, 0], one.end))
        for size in range(room, 0, -1):
            spare = max(0, size - (len(tokens) - before - behind))
            begin = before - min(before, max(spare // 2, spare - behind))
            start, end = int(tokens[begin, 0]), int(tokens[begin + size - 1, 1])
            count = len(self.places(self._text(one.document, start, end)))
            if 0 < count <= room:
                return Part(start, end, count)
        return Part(one.start, one.start, 0)

    def _within(self, document: int, first: int, last: int) -> np.ndarray:
        """Return where the tokens of a part stand: int32[tokens, 2], characters [start, end) of the document."""
        return np.array(self.places(self._text(document, first, last)), np.int32).reshape(-1, 2) + np.int32(first)

    def _text(self, document: int, start: int, end: int) -> str:
        text: str = self.texts[document].as_py()[start:end]
        return text


class Part(NamedTuple):
    """A part of a document: characters [start, end), and how many tokens these are."""

    start: int
    end: int
    tokens: int


def spans_of(texts: Corpus) -> Callable[[int], tuple[int, int, int]]:
    """Return what says of a row of passages, or of documents, which characters of which document it is."""
    if isinstance(texts, Passages):
        parents, starts, ends = texts.parents, texts.starts, texts.ends
        return lambda row: (int(parents[row]), int(starts[row]), int(ends[row]))
    lengths = to_numpy(pc.utf8_length(texts.table["text"]))
    return lambda row: (row, 0, int(lengths[row]))
