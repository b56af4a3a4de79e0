"""Measures on characters: how much of the gold spans was retrieved, and how much else; for any way to cut documents.

Recall, precision and intersection over union of Smith and Troynikov 2024, "Evaluating Chunking Strategies for
Retrieval" (Chroma), on characters where they count tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from harness.arrow import to_numpy
from harness.artifacts.base import find_ids
from harness.artifacts.judgements import Spans
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError
from harness.measures.hits import ratio


class Characters(NamedTuple):
    """Characters of the gold spans and of what was retrieved, float64[queries] each."""

    gold: np.ndarray
    retrieved: np.ndarray
    """Each character once, however many passages hold it."""
    common: np.ndarray
    """Of the gold ones, those that were retrieved."""
    read: np.ndarray
    """Characters of all passages retrieved: one that two of them hold counts twice."""


class Ranges(NamedTuple):
    """Parts of documents on one axis, on which the documents of a corpus lie end to end: [start, end)."""

    start: np.ndarray
    """int64[parts]."""
    end: np.ndarray
    """int64[parts]."""


class Gold:
    """Gold spans of queries, and where passages lie, on one axis."""

    def __init__(self, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans) -> None:
        """Resolve ids to places. DataError for a span in a document that is not there, or beyond its end."""
        lengths = _lengths(corpus)
        self.size = int(lengths.sum())
        offsets = np.cumsum(lengths) - lengths
        row, document = (
            find_ids(spans.table[name], texts.table["id"])
            for name, texts in (("query_id", queries), ("doc_id", corpus))
        )
        start, end = to_numpy(spans.table["start"]), to_numpy(spans.table["end"])
        beyond = (document == NONE) | (end > lengths[document])
        if beyond.any():
            place = int(np.flatnonzero(beyond)[0])
            raise _refused(spans.table.slice(place, 1).to_pylist()[0], int(document[place]), lengths)
        asked = row != NONE
        self.rows = row[asked].astype(np.int64)
        self.spans = Ranges((offsets[document] + start)[asked], (offsets[document] + end)[asked])
        self.queries = len(queries)
        if isinstance(passages, Passages):
            above = offsets[passages.parents]
            self.passages = Ranges(above + passages.starts, above + passages.ends)
        else:
            self.passages = Ranges(offsets, offsets + lengths)

    @property
    def known(self) -> np.ndarray:
        """Which queries have a span; bool[queries]."""
        return np.bincount(self.rows, minlength=self.queries) > 0

    def count(self, run: Run, k: int) -> Characters:
        """Count the characters of the first k places of a run, whose `rows` are rows of the queries."""
        here = (self.rows >= run.rows.start) & (self.rows < run.rows.stop)
        rows, gold = self.rows[here] - run.rows.start, Ranges(self.spans.start[here], self.spans.end[here])
        documents = run.documents[:, :k]
        asked, place = np.nonzero(documents != NONE)
        found = documents[asked, place]
        read = Ranges(self.passages.start[found], self.passages.end[found])
        both = Ranges(np.concatenate([gold.start, read.start]), np.concatenate([gold.end, read.end]))
        n = len(run)
        of_gold, of_read = self._union(rows, gold, n), self._union(asked, read, n)
        common = of_gold + of_read - self._union(np.concatenate([rows, asked]), both, n)
        return Characters(of_gold, of_read, common, np.bincount(asked, read.end - read.start, minlength=n))

    def _union(self, rows: np.ndarray, ranges: Ranges, queries: int) -> np.ndarray:
        """Count the characters that the ranges of each query cover together; float64[queries]."""
        begin, end = rows * self.size + ranges.start, rows * self.size + ranges.end  # no query reaches into the next
        order = np.argsort(begin, kind="stable")
        begin, end, rows = begin[order], end[order], rows[order]
        covered = np.concatenate([[0], np.maximum.accumulate(end)[:-1]])[: len(end)]
        return np.bincount(rows, np.clip(end - np.maximum(begin, covered), 0, None), minlength=queries)


class Covered(NamedTuple):
    """A run of passages, and the gold spans that it is held against."""

    run: Run
    gold: Gold

    def cut(self, k: int) -> Characters:
        """Count the characters of the first k ranks."""
        return self.gold.count(self.run, k)


class SpanMeasure:
    """A function from what a run Covers, and the parameters by name, to one float64 a query."""

    def __init__(self, function: Callable[..., np.ndarray], version: int) -> None:
        update_wrapper(self, function)
        self.function = function
        self.version = version

    def __call__(self, covered: Covered, **parameters: Any) -> np.ndarray:
        """Calculate."""
        return self.function(covered, **parameters)


def span_measure(version: int) -> Callable[[Callable[..., np.ndarray]], SpanMeasure]:
    """Mark a function as a measure on characters. Raise `version` when it starts to give other values."""

    def mark(function: Callable[..., np.ndarray]) -> SpanMeasure:
        return SpanMeasure(function, version)

    return mark


@span_measure(version=1)
def span_recall(covered: Covered, k: int) -> np.ndarray:
    """Gold characters in the first k passages, over all gold characters."""
    found = covered.cut(k)
    return ratio(found.common, found.gold)


@span_measure(version=1)
def span_precision(covered: Covered, k: int, repeats: bool = False) -> np.ndarray:
    """Gold characters in the first k passages, over all characters of these; repeats=True counts overlap again."""
    found = covered.cut(k)
    return ratio(found.common, found.read if repeats else found.retrieved)


@span_measure(version=1)
def span_iou(covered: Covered, k: int, repeats: bool = False) -> np.ndarray:
    """Gold characters in the first k passages, over those that are gold or there; repeats=True counts overlap again."""
    found = covered.cut(k)
    return ratio(found.common, found.gold + (found.read if repeats else found.retrieved) - found.common)


def _lengths(corpus: Corpus) -> np.ndarray:
    return to_numpy(pc.utf8_length(corpus.table["text"])).astype(np.int64)


def _refused(span: dict[str, Any], document: int, lengths: np.ndarray) -> DataError:
    said = f"the span [{span['start']}, {span['end']}) of the query {span['query_id']!r}"
    if document == NONE:
        return DataError(f"{said} lies in the document {span['doc_id']!r}, which the corpus does not hold")
    return DataError(f"{said} ends beyond the document {span['doc_id']!r}, which has {lengths[document]} characters")
