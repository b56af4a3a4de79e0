"""Gold spans and the passages of any chunking as character ranges, and the judgements of passages that follow."""

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
"""The grades of a passage; `Gold.judgements` says when each applies."""


class Places(NamedTuple):
    """Character ranges [start, end) of documents; int64[parts] each."""

    document: np.ndarray
    """The row of the document, from 0."""
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, texts: Corpus) -> Places:
        """Return the places of passages in their documents; a document of a corpus is one passage."""
        if isinstance(texts, Passages):
            return cls(*(each.astype(np.int64) for each in (texts.parents, texts.starts, texts.ends)))
        lengths = _lengths(texts)
        return cls(np.arange(len(lengths)), np.zeros(len(lengths), np.int64), lengths)


class Ranges(NamedTuple):
    """Character ranges [start, end) on one axis, on which all documents are concatenated; int64[parts] each."""

    start: np.ndarray
    end: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """The number of characters of each range; int64[parts]."""
        lengths: np.ndarray = self.end - self.start
        return lengths

    def take(self, rows: np.ndarray) -> Ranges:
        """Return the ranges at some rows, int[rows]."""
        return Ranges(self.start[rows], self.end[rows])


class Gold:
    """Gold spans of queries and the passages of one chunking, on one axis."""

    def __init__(
        self, rows: np.ndarray, spans: Places, passages: Places, queries: int, ids: pa.ChunkedArray | None = None
    ) -> None:
        """Place spans and passages on one axis.

        `rows` int[spans] has the query, below `queries`, that each span answers; `ids` are those of the passages.
        """
        ends = np.zeros(1 + max(place.document.max(initial=-1) for place in (spans, passages)), np.int64)
        for place in (spans, passages):
            np.maximum.at(ends, place.document, place.end)
        offsets = np.cumsum(ends) - ends
        self.size = int(ends.sum())
        """The length of the axis in characters."""
        self.rows, self.queries, self.ids = rows.astype(np.int64), queries, ids
        self.spans, self.passages = (
            Ranges(offsets[place.document] + place.start, offsets[place.document] + place.end)
            for place in (spans, passages)
        )

    @classmethod
    def of(cls, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans) -> Gold:
        """Replace ids by rows; DataError for a span in a document that the corpus lacks, or beyond its end.

        `passages` are the passages of the corpus, or the corpus itself. Spans of other queries are left out.
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
        kept = row != NONE
        places = Places(document[kept].astype(np.int64), start[kept], end[kept])
        return cls(row[kept], places, Places.of(passages), len(queries), passages.table["id"])

    @property
    def known(self) -> np.ndarray:
        """Whether each query has a span; bool[queries]."""
        return np.bincount(self.rows, minlength=self.queries) > 0

    @cached_property
    def judgements(self) -> Judgements:
        """Judgements of the passages, by the number of characters that a passage and a span share.

        The grade is 1 if they share any, 2 if they share at least half of the shorter of the two, and 3 if the passage
        contains the span or lies within it. The best span of the query decides. A passage that overlaps no span is
        unjudged, hence not relevant.
        """
        span, passage = self._overlaps()
        spans, passages = self.spans.take(span), self.passages.take(passage)
        common = np.minimum(spans.end, passages.end) - np.maximum(spans.start, passages.start)
        shorter = np.minimum(spans.lengths, passages.lengths)
        grade = np.where(common >= shorter, WHOLE, np.where(2 * common >= shorter, HALF, TOUCHED))
        count = max(len(self.passages.start), 1)
        keys, place = np.unique((self.rows[span] * count + passage)[common > 0], return_inverse=True)
        best = np.zeros(len(keys), np.int32)
        np.maximum.at(best, place, grade[common > 0])
        documents = keys % count
        names = None if self.ids is None else Names(self.ids, self.ids.take(to_arrow(documents)))
        return Judgements.of(keys // count, documents, best, self.queries, names)

    def _overlaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of a span and a passage, int64[pairs] each: all that share a character, and some others."""
        order = np.argsort(self.passages.start, kind="stable")
        start, end = self.passages.take(order)
        first = np.searchsorted(np.maximum.accumulate(end), self.spans.start, side="right")
        counts = np.maximum(np.searchsorted(start, self.spans.end, side="left") - first, 0)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(counts)), counts), order[np.repeat(first, counts) + within]


def _lengths(corpus: Corpus) -> np.ndarray:
    return to_numpy(pc.utf8_length(corpus.table["text"])).astype(np.int64)


def _refused(span: dict[str, Any], document: int, lengths: np.ndarray) -> DataError:
    subject = f"the span [{span['start']}, {span['end']}) of the query {span['query_id']!r}"
    if document == NONE:
        return DataError(f"{subject} is in the document {span['doc_id']!r}, which is not in the corpus")
    return DataError(f"{subject} ends beyond the document {span['doc_id']!r}, which has {lengths[document]} characters")
