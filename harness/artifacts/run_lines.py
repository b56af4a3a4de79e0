"""A run by ids, as read from a file: ranked lists of any length, not yet matched to a data set."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from harness.artifacts.base import Artifact, find_ids
from harness.artifacts.run import NONE, Run, sort_keys
from harness.artifacts.text import Corpus, Queries


class Fit(NamedTuple):
    """How well a run by ids matches a data set."""

    lines: int
    """The number of lines of the run."""
    queries: int
    """The number of queries of the run."""
    depth: int
    """The most documents that a query has."""
    unknown_queries: int
    """The number of queries that are not in the data set; they are left out."""
    unknown_documents: int
    """The number of lines whose document is not in the corpus; they are left out, and later documents move up."""


class RunLines(Artifact):
    """The lines of a run in canonical order: query ascending, score (float32) descending, document descending.

    `queries` and `documents` are the distinct ids, ascending by bytes; `query` and `document`, int32[lines], are
    positions in them.
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
        """Sort lines into canonical order; each (query, document) may appear only once."""
        order = np.lexsort((~sort_keys(scores, document), query))
        return cls(queries, documents, query[order], document[order], scores[order])

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.scores)

    @property
    def borders(self) -> np.ndarray:
        """The first line of each query, and the end of the last one, int64[queries + 1]."""
        return np.searchsorted(self.query, np.arange(len(self.queries) + 1))

    def without_own_ids(self) -> Self:
        """Leave out every document whose id is that of its query; later documents move up."""
        kept = find_ids(self.queries, self.documents)[self.query] != self.document
        return type(self)(self.queries, self.documents, self.query[kept], self.document[kept], self.scores[kept])

    def known(self, corpus: Corpus) -> np.ndarray:
        """Tell which of the distinct documents are in a corpus, bool[documents]."""
        in_corpus: np.ndarray = find_ids(self.documents, corpus.table["id"]) >= 0
        return in_corpus

    def fit(self, queries: Queries, corpus: Corpus) -> Fit:
        """Count the queries and documents that are not in a data set."""
        rows, documents = self._rows(queries, corpus)
        depth = int(np.diff(self.borders).max(initial=0))
        unknown = int(((documents[self.document] < 0) & (rows[self.query] >= 0)).sum())
        return Fit(len(self), len(self.queries), depth, int((rows < 0).sum()), unknown)

    def run(self, queries: Queries, corpus: Corpus, depth: int) -> Run:
        """Convert to a Run of the given queries, which may be a slice, with the `depth` best documents of each.

        Unknown queries and documents are left out, so callers should report what `fit` counts.
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
        run_documents = np.full((len(queries), width), NONE, dtype=np.int32)
        run_scores = np.full((len(queries), width), -np.inf, dtype=np.float32)
        run_documents[row[inside], place[inside]] = document[inside]
        run_scores[row[inside], place[inside]] = scores[inside]
        return Run(run_documents, run_scores, queries.rows)

    def _rows(self, queries: Queries, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the queries and of the documents, NONE for an unknown one."""
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
        """Read the ids and the lines."""
        ids = [
            pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()["id"].combine_chunks()
            for name in ("queries", "documents")
        ]
        with np.load(folder / "lines.npz", allow_pickle=False) as lines:
            return cls(ids[0], ids[1], lines["query"], lines["document"], lines["scores"])
