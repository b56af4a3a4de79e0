"""A run by ids, as a file holds it: ranked lists of any length, of any system, before they meet a data set."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from harness.artifacts.base import Artifact, find_ids
from harness.artifacts.run import NONE, Run, sort_keys
from harness.artifacts.text import Corpus, Queries


class Fit(NamedTuple):
    """How a run by ids fits a data set."""

    lines: int
    queries: int
    depth: int
    """Of the query with the most documents."""
    unknown_queries: int
    """Queries that the data set does not hold; they are left out."""
    unknown_documents: int
    """Lines whose document the corpus does not hold; they are left out, and what stands below them moves up."""


class RunLines(Artifact):
    """One entry a line, in canonical order: query ascending, score (float32) descending, document descending.

    `queries` and `documents` are the distinct ids, ascending by bytes; `query` and `document` int32[lines] point there.
    """

    def __init__(
        self, queries: pa.Array, documents: pa.Array, query: np.ndarray, document: np.ndarray, scores: np.ndarray
    ) -> None:
        self.queries, self.documents = queries, documents
        self.query, self.document, self.scores = query, document, scores

    @classmethod
    def of(
        cls, queries: pa.Array, documents: pa.Array, query: np.ndarray, document: np.ndarray, scores: np.ndarray
    ) -> Self:
        """Put lines in any order into the canonical one; no (query, document) may stand twice."""
        order = np.lexsort((~sort_keys(scores, document), query))
        return cls(queries, documents, query[order], document[order], scores[order])

    def __len__(self) -> int:
        """Count the lines."""
        return len(self.scores)

    @property
    def borders(self) -> np.ndarray:
        """Where the lines of each query begin, and where the last ones end; int64[queries + 1]."""
        return np.searchsorted(self.query, np.arange(len(self.queries) + 1))

    def without_own_ids(self) -> Self:
        """Leave out every document that bears the id of its query, so that what stands below it moves up."""
        kept = find_ids(self.queries, self.documents)[self.query] != self.document
        return type(self)(self.queries, self.documents, self.query[kept], self.document[kept], self.scores[kept])

    def known(self, corpus: Corpus) -> np.ndarray:
        """Tell which of the distinct documents a corpus holds; bool[documents]."""
        found: np.ndarray = find_ids(self.documents, corpus.table["id"]) >= 0
        return found

    def fit(self, queries: Queries, corpus: Corpus) -> Fit:
        """Count what a data set does not hold of it."""
        rows, documents = self._rows(queries, corpus)
        depth = int(np.diff(self.borders).max(initial=0))
        foreign = int(((documents[self.document] < 0) & (rows[self.query] >= 0)).sum())
        return Fit(len(self), len(self.queries), depth, int((rows < 0).sum()), foreign)

    def run(self, queries: Queries, corpus: Corpus, depth: int) -> Run:
        """Give the lines the row numbers of (some) queries and a corpus, and keep the `depth` best of each query.

        Queries and documents that are not there are left out; what `fit` counts should be said wherever that is done.
        """
        rows, documents = self._rows(queries, corpus)
        row, document, scores = rows[self.query], documents[self.document], self.scores
        kept = (row >= 0) & (document >= 0)
        row, document, scores = row[kept], document[kept], scores[kept]
        order = np.lexsort((~sort_keys(scores, document), row))
        row, document, scores = row[order], document[order], scores[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        inside = place < depth
        width = int(place[inside].max(initial=-1)) + 1
        found = np.full((len(queries), width), NONE, dtype=np.int32)
        marks = np.full((len(queries), width), -np.inf, dtype=np.float32)
        found[row[inside], place[inside]] = document[inside]
        marks[row[inside], place[inside]] = scores[inside]
        return Run(found, marks, queries.rows)

    def _rows(self, queries: Queries, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of each query and document of this run, NONE where there is none."""
        return find_ids(self.queries, queries.table["id"]), find_ids(self.documents, corpus.table["id"])

    def save(self, folder: Path) -> None:
        """Write the ids and the lines."""
        np.savez(folder / "lines.npz", query=self.query, document=self.document, scores=self.scores)
        for name in ("queries", "documents"):
            table = pa.table({"id": getattr(self, name)})
            with pa.ipc.new_file(folder / f"{name}.arrow", table.schema) as writer:
                writer.write_table(table)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them back."""
        ids = [
            pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()["id"].combine_chunks()
            for name in ("queries", "documents")
        ]
        with np.load(folder / "lines.npz", allow_pickle=False) as lines:
            return cls(ids[0], ids[1], lines["query"], lines["document"], lines["scores"])
