"""Exact nearest neighbours: every query against every document; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.exhaustive import AllScores
from harness.neighbours import Documents, Similarity, all_scores, nearest, on_device, prepared
from harness.stage import ExhaustiveSearcher, Indexer, Runtime


class FlatIndexer(Indexer):
    """Keep the vectors: at length 1 for `cosine`, else as they are. A zero vector stays zero."""

    takes: ClassVar = (Vectors,)
    similarity: Similarity = "cosine"

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call copies the vectors, normalised if need be; UserError if one is not finite."""

        def index(vectors: Vectors) -> Index:
            array = prepared(vectors.array, self.similarity)
            squares = np.einsum("nd,nd->n", array, array, dtype=np.float64)
            if not np.isfinite(squares).all():
                row = int(np.flatnonzero(~np.isfinite(squares))[0])
                raise UserError(f"{self.word()}: the vector of document row {vectors.rows[row]} is not finite")
            return Index({"vectors": array, "squares": squares}, {"similarity": self.similarity})

        return index


class FlatSearcher(ExhaustiveSearcher):
    """Rank all documents by cosine, dot product, or distance as a negative number: higher is always better.

    Scores are calculated in float64, each pair by itself, and rounded once to float32: in that quantum scores are equal
    or not. So a ranking depends neither on the batch nor on the number of threads nor on the device. Equal vectors tie
    exactly, and the first five of fifty are the first five of five.
    """

    takes: ClassVar = (Vectors,)

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Hold the index, on the GPU if there is one; the call answers Vectors."""
        documents = Documents.of(index)
        products = on_device(documents, runtime.device, runtime.threads)

        def search(queries: Vectors) -> Run:
            return nearest(products, self._prepared(queries, documents), self.depth, queries.rows)

        return search

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Vectors], AllScores]:
        """Map the vectors; the call scores all documents for Vectors, on the CPU."""
        documents = Documents.of(index)

        def score(queries: Vectors) -> AllScores:
            values = all_scores(documents, self._prepared(queries, documents))
            return AllScores(values, np.broadcast_to(True, values.shape))

        return score

    def _prepared(self, queries: Vectors, documents: Documents) -> np.ndarray:
        """Return the queries as the similarity wants them; UserError where they cannot be compared."""
        found, width = queries.array.shape[1], documents.vectors.shape[1]
        if found != width:
            raise UserError(f"{self.word()}: queries of {found} dimensions meet documents of {width}")
        asked = prepared(queries.array, documents.similarity)
        if not np.isfinite(asked).all():
            raise UserError(f"{self.word()}: the vector of a query is not finite")
        return asked
