"""Gold spans and the passages of any chunking, as places in documents; and what these spans say of each passage."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_arrow, to_numpy
from harness.artifacts.base import find_ids
from harness.artifacts.judgements import Spans
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError
from harness.measures.judgements import Judgements, Names

TOUCHED, HALF, WHOLE = 1, 2, 3
"""The grades of a passage: see `Gold.judgements`."""


class Places(NamedTuple):
    """Parts of documents, characters [start, end); int64[parts] each."""

    document: np.ndarray
    """The number of the document, from 0."""
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, texts: Corpus) -> Places:
        """Return where passages lie in their documents; a document is a passage that is all of it."""
        if isinstance(texts, Passages):
            return cls(*(each.astype(np.int64) for each in (texts.parents, texts.starts, texts.ends)))
        lengths = _lengths(texts)
        return cls(np.arange(len(lengths)), np.zeros(len(lengths), np.int64), lengths)


class Ranges(NamedTuple):
    """Parts of documents on one axis, on which the documents lie end to end: [start, end), int64[parts] each."""

    start: np.ndarray
    end: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """How many characters each has."""
        found: np.ndarray = self.end - self.start
        return found

    def take(self, rows: np.ndarray) -> Ranges:
        """Return some of them."""
        return Ranges(self.start[rows], self.end[rows])


class Gold:
    """Gold spans of queries and the passages of one chunking, on one axis."""

    def __init__(
        self, rows: np.ndarray, spans: Places, passages: Places, queries: int, ids: pa.ChunkedArray | None = None
    ) -> None:
        """`rows` int[spans] says which of the `queries` each span answers; `ids` are those of the passages."""
        ends = np.zeros(1 + max(place.document.max(initial=-1) for place in (spans, passages)), np.int64)
        for place in (spans, passages):
            np.maximum.at(ends, place.document, place.end)
        offsets = np.cumsum(ends) - ends
        self.size = int(ends.sum())
        """How long the axis is."""
        self.rows, self.queries, self.ids = rows.astype(np.int64), queries, ids
        self.spans, self.passages = (
            Ranges(offsets[place.document] + place.start, offsets[place.document] + place.end)
            for place in (spans, passages)
        )

    @classmethod
    def of(cls, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans) -> Gold:
        """Resolve ids. DataError for a span in a document that is not there, or beyond its end.

        `passages` are those of the corpus, or the corpus itself. Spans of other queries are left out.
        """
        lengths = _lengths(corpus)
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
        found = Places(document[asked].astype(np.int64), start[asked], end[asked])
        return cls(row[asked], found, Places.of(passages), len(queries), passages.table["id"])

    @property
    def known(self) -> np.ndarray:
        """Which queries have a span; bool[queries]."""
        return np.bincount(self.rows, minlength=self.queries) > 0

    @cached_property
    def judgements(self) -> Judgements:
        """What the spans say of each passage, by the characters that the two share: judgements of passages.

        Grade 1 where they share one, 2 where they share at least half of the shorter of the two, 3 where the passage
        holds the whole span or lies within it; the best span of the query counts. A passage that touches no span is
        not judged, as one that is not relevant.
        """
        span, passage = self._meetings()
        one, other = self.spans.take(span), self.passages.take(passage)
        common = np.minimum(one.end, other.end) - np.maximum(one.start, other.start)
        shorter = np.minimum(one.lengths, other.lengths)
        grade = np.where(common >= shorter, WHOLE, np.where(2 * common >= shorter, HALF, TOUCHED))
        count = max(len(self.passages.start), 1)
        keys, place = np.unique((self.rows[span] * count + passage)[common > 0], return_inverse=True)
        best = np.zeros(len(keys), np.int32)
        np.maximum.at(best, place, grade[common > 0])
        documents = keys % count
        names = None if self.ids is None else Names(self.ids, self.ids.take(to_arrow(documents)))
        return Judgements.of(keys // count, documents, best, self.queries, names)

    def _meetings(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of a span and a passage, int64[pairs] each: all that share a character, and some that do not."""
        order = np.argsort(self.passages.start, kind="stable")
        start, end = self.passages.take(order)
        first = np.searchsorted(np.maximum.accumulate(end), self.spans.start, side="right")
        counts = np.maximum(np.searchsorted(start, self.spans.end, side="left") - first, 0)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(counts)), counts), order[np.repeat(first, counts) + within]


def _lengths(corpus: Corpus) -> np.ndarray:
    return to_numpy(pc.utf8_length(corpus.table["text"])).astype(np.int64)


def _refused(span: dict[str, Any], document: int, lengths: np.ndarray) -> DataError:
    said = f"the span [{span['start']}, {span['end']}) of the query {span['query_id']!r}"
    if document == NONE:
        return DataError(f"{said} lies in the document {span['doc_id']!r}, which the corpus does not hold")
    return DataError(f"{said} ends beyond the document {span['doc_id']!r}, which has {lengths[document]} characters")
