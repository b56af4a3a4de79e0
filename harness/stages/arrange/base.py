"""The base class of arrangers: it takes texts in run order until a token budget is spent."""

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

CACHED_TEXTS = 64
"""The number of texts whose tokens are cached; long documents are retrieved by many queries."""


class Excerpt(NamedTuple):
    """The part of a document to read for one retrieved text. Positions are characters of the document."""

    document: int
    """The row of the document."""
    start: int
    """The start of the retrieved text."""
    end: int
    """The end of the retrieved text, exclusive."""
    first: int
    """The start of the part to read, which contains the retrieved text."""
    last: int
    """The end of the part to read, exclusive."""

    def without(self, taken: Iterable[Context]) -> Excerpt | None:
        """Return it without the characters in `taken`, contexts of the same document; None if nothing remains."""
        start, end, first, last = self[1:]
        for context in taken:
            if context.start <= start:
                start, first = max(start, context.end), max(first, context.end)
            else:
                end, last = min(end, context.start), min(last, context.start)
        return Excerpt(self.document, start, end, first, last) if start < end else None


class BudgetedArranger(Arranger):
    """An arranger with a token budget, counted by the tokenizer of `model`, or by a rule without one.

    Texts are taken in the order of the run.
    """

    tokens: int = Field(default=2000, ge=1)
    """The token budget for all texts of a query together."""
    overflow: Literal["cut", "skip"] = "cut"
    """What happens to a text that does not fit whole: `cut` keeps as many of its tokens as fit and stops there; `skip`
    leaves it out, and shorter texts further down may follow."""
    no_repeats: ClassVar[bool] = False
    """Whether no character of a document is included twice."""

    def excerpts(self, texts: Corpus, corpus: Corpus) -> Callable[[int], Excerpt]:
        """Return a function from a row of `texts` to the excerpt to read for it; by default, the text itself."""
        del corpus
        spans = spans_of(texts)
        return lambda row: Excerpt(*(span := spans(row)), *span[1:])

    def order(self, contexts: list[Context]) -> list[Context]:
        """Return the contexts of a query, given best first, in the order for the reader; by default, unchanged."""
        return contexts

    def open(
        self, runtime: Runtime, texts: Corpus, corpus: Corpus, queries: Queries, model: Model | None
    ) -> Callable[[Run], Contexts]:
        """Load the tokenizer, not the weights; the call arranges a Run.

        Raises UserError if the model has no fast tokenizer.
        """
        del runtime
        tokens = tokens_of(model, self.word())
        reader = _Reader(self, corpus, tokens.places, self.excerpts(texts, corpus))
        budget = Budget(self.tokens, tokens.counted_by)

        def arrange(run: Run) -> Contexts:
            ids = queries.table["id"].slice(run.rows.start, len(run)).to_pylist()
            contexts = [self.order(list(reader.read(*row))) for row in zip(run.documents, run.scores, strict=True)]
            return Contexts(ids, contexts, budget, run.rows)

        return arrange


class _Reader:
    """Takes the texts of one query after another, each within the budget."""

    def __init__(
        self, stage: BudgetedArranger, corpus: Corpus, places: Places, excerpts: Callable[[int], Excerpt]
    ) -> None:
        self.stage, self.places, self.excerpts = stage, places, excerpts
        self.ids, self.texts = corpus.table["id"], corpus.table["text"]
        self.tokens = lru_cache(CACHED_TEXTS)(self._tokens)

    def read(self, documents: np.ndarray, scores: np.ndarray) -> Iterator[Context]:
        """Yield the contexts of one query, best first."""
        taken: dict[int, list[Context]] = {}
        left = self.stage.tokens
        for rank, row in enumerate(documents[documents != NONE].tolist(), start=1):
            excerpt: Excerpt | None = self.excerpts(row)
            if excerpt is not None and self.stage.no_repeats:
                excerpt = excerpt.without(taken.get(excerpt.document, ()))
            if excerpt is None:
                continue
            first, last = excerpt.first, excerpt.last
            part = Part(first, last, len(self.tokens(excerpt.document, first, last)))
            fits = part.tokens <= left
            if not part.tokens or not (fits or self.stage.overflow == "cut"):
                continue
            if not fits:
                part = self.truncated(excerpt, left)
            if part.tokens:
                text = self._text(excerpt.document, part.start, part.end)
                key = self.ids[excerpt.document].as_py()
                context = Context(key, part.start, part.end, rank, float(scores[rank - 1]), part.tokens, text)
                taken.setdefault(excerpt.document, []).append(context)
                yield context
            left -= part.tokens
            if not fits or not left:
                return

    def truncated(self, excerpt: Excerpt, room: int) -> Part:
        """Return the part of an excerpt that has `room` tokens, with the retrieved text, or its start, in the middle.

        A part may have more tokens on its own than within the text; it is then shortened until it fits.
        """
        tokens = self.tokens(excerpt.document, excerpt.first, excerpt.last)
        before = int(np.searchsorted(tokens[:, 1], excerpt.start, side="right"))
        after = len(tokens) - int(np.searchsorted(tokens[:, 0], excerpt.end))
        for size in range(room, 0, -1):
            spare = max(0, size - (len(tokens) - before - after))
            begin = before - min(before, max(spare // 2, spare - after))
            start, end = int(tokens[begin, 0]), int(tokens[begin + size - 1, 1])
            count = len(self.places(self._text(excerpt.document, start, end)))
            if 0 < count <= room:
                return Part(start, end, count)
        return Part(excerpt.start, excerpt.start, 0)

    def _tokens(self, document: int, first: int, last: int) -> np.ndarray:
        """Return the positions of the tokens of a part: int32[tokens, 2], characters [start, end) of the document."""
        return np.array(self.places(self._text(document, first, last)), np.int32).reshape(-1, 2) + np.int32(first)

    def _text(self, document: int, first: int, last: int) -> str:
        text: str = self.texts[document].as_py()[first:last]
        return text


class Part(NamedTuple):
    """A part of a document: its characters [start, end) and its number of tokens."""

    start: int
    end: int
    tokens: int


def spans_of(texts: Corpus) -> Callable[[int], tuple[int, int, int]]:
    """Return a function from a row of passages or documents to its document's row, start and end in characters."""
    if isinstance(texts, Passages):
        parents, starts, ends = texts.parents, texts.starts, texts.ends
        return lambda row: (int(parents[row]), int(starts[row]), int(ends[row]))
    lengths = to_numpy(pc.utf8_length(texts.table["text"]))
    return lambda row: (row, 0, int(lengths[row]))
