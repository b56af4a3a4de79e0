"""Judgements with row numbers in place of ids, and the search for judged documents in a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.artifacts.arrow import to_arrow
from harness.artifacts.base import find_ids
from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.measures.hits import Hits, nth_of_run

OUTSIDE = -2
"""The highest number of a judged document that the corpus lacks. No run can hold it; every ideal order includes it."""


class Names(NamedTuple):
    """The ids behind the row numbers."""

    corpus: pa.ChunkedArray
    """The ids of the corpus, string[documents]."""
    judged: pa.ChunkedArray
    """The ids of the judged documents in the order of the judgements, string[judgements]."""


@dataclass(frozen=True, eq=False)
class Judgements:
    """Judgements, one entry each, ordered by query and then by grade descending: the order of the ideal run."""

    rows: np.ndarray
    """The row of the query; int64[judgements]."""
    documents: np.ndarray
    """The row of the document in the corpus, or a unique number at or below OUTSIDE; int64[judgements]."""
    grades: np.ndarray
    """The grade; int32[judgements]."""
    queries: int
    """The number of queries, judged or not."""
    names: Names | None = None

    @classmethod
    def of(
        cls, rows: np.ndarray, documents: np.ndarray, grades: np.ndarray, queries: int, names: Names | None = None
    ) -> Judgements:
        """Order judgements; each (row, document) may occur once.

        A judgement with a negative row is left out. One with a negative document is kept: the corpus lacks it.

        >>> known = Judgements.of(np.array([1, 0, 0]), np.array([7, 7, -1]), np.array([1, 0, 2]), queries=3)
        >>> known.rows.tolist(), known.grades.tolist(), known.judged.tolist()
        ([0, 0, 1], [2, 0, 1], [True, True, False])
        """
        order = np.lexsort((documents, -grades.astype(np.int64), rows))
        order = order[rows[order] >= 0]
        ordered = documents[order].astype(np.int64)
        ordered = np.where(ordered < 0, OUTSIDE - np.arange(len(ordered)), ordered)
        names = names and Names(names.corpus, names.judged.take(to_arrow(order)))
        return cls(rows[order].astype(np.int64), ordered, grades[order].astype(np.int32), queries, names)

    @cached_property
    def starts(self) -> np.ndarray:
        """The index of the first judgement of each query, and the number of all judgements; int64[queries + 1]."""
        return np.searchsorted(self.rows, np.arange(self.queries + 1))

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of judged documents of each query; int64[queries]."""
        return np.diff(self.starts)

    @property
    def judged(self) -> np.ndarray:
        """Whether each query has a judgement; the others are excluded from every mean; bool[queries]."""
        return self.counts > 0

    @cached_property
    def ranks(self) -> np.ndarray:
        """The rank of each judgement in the ideal run, from 1; int64[judgements]."""
        return nth_of_run(self.rows)

    @cached_property
    def ideal(self) -> Hits:
        """All judged documents, best grade first."""
        return Hits(self.rows, self.ranks, self.grades, self.counts)

    def take(self, rows: range) -> Judgements:
        """Return the judgements of consecutive queries, renumbered from 0; ValueError for any other rows."""
        if rows == range(self.queries):
            return self
        if rows and (rows.step != 1 or rows.start < 0 or rows.stop > self.queries):
            raise ValueError(f"expected consecutive rows within the {self.queries} queries, found {rows}")
        part = slice(self.starts[rows.start], self.starts[rows.start + len(rows)])
        names = self.names and Names(self.names.corpus, self.names.judged[part])
        return Judgements(self.rows[part] - rows.start, self.documents[part], self.grades[part], len(rows), names)

    def best(self, run: Run, depth: int) -> Run:
        """Return the first `depth` documents of a run as a perfect reranker orders them; unjudged ones have grade 0."""
        documents = run.documents[:, :depth]
        hits = self.take(run.rows).find(documents)
        grades = np.zeros(documents.shape, np.float32)
        grades[hits.rows, hits.ranks - 1] = hits.grades
        return Run.top(grades, depth, documents=documents, rows=run.rows)

    def find(self, documents: np.ndarray) -> Hits:
        """Find the judged documents of each query in `documents` int32[queries, depth], the array of a Run."""
        borders = np.arange(len(documents) + 1) * documents.shape[1]
        return self.find_in(documents.reshape(-1), borders, np.count_nonzero(documents != NONE, axis=1))

    def find_in(self, documents: np.ndarray, borders: np.ndarray, retrieved: np.ndarray) -> Hits:
        """Find the judged documents of each query in concatenated lists.

        `documents` int32[places] has the list of query i from `borders[i]` to `borders[i + 1]`. One lookup table over
        the documents serves all queries in turn: its entries are set for one query and cleared again. For 2,000
        queries of depth 1,000 this takes 8 ms, where a binary search for every place takes 95 ms.
        """
        size = int(max(documents.max(initial=NONE), self.documents.max(initial=NONE))) + 3
        slots = np.where(self.documents < 0, size - 2, self.documents)  # in no run; NONE reads the last slot
        entries = np.arange(1, len(slots) + 1, dtype=np.int32)
        table = np.zeros(size, dtype=np.int32)
        places = np.zeros(len(documents), dtype=np.int32)
        for row in np.flatnonzero(self.judged):
            part, mine = slice(self.starts[row], self.starts[row + 1]), slice(borders[row], borders[row + 1])
            table[slots[part]] = entries[part]
            places[mine] = table[documents[mine]]
            table[slots[part]] = 0
        hits = np.flatnonzero(places)
        rows = np.searchsorted(borders, hits, side="right") - 1
        return Hits(rows, hits - borders[rows] + 1, self.grades[places[hits] - 1], retrieved, self.ideal)


def resolve(corpus: Corpus, queries: Queries, qrels: Qrels) -> Judgements:
    """Replace the ids of judgements by rows of the corpus and the queries; judgements of other queries are left out."""
    rows = find_ids(qrels.table["query_id"], queries.table["id"])
    documents = find_ids(qrels.table["doc_id"], corpus.table["id"])
    names = Names(corpus.table["id"], qrels.table["doc_id"])
    return Judgements.of(rows, documents, qrels.grades, len(queries), names)
