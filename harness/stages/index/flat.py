"""Exact nearest neighbours: every query against every document; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.all_scores import AllScores
from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import BitVectors, Int8Vectors, Table, Vectors
from harness.errors import UserError
from harness.search.exact import all_scores, nearest
from harness.search.similarity import Documents, Similarity, on_device, prepared
from harness.stage import ExhaustiveSearcher, Indexer, Runtime


class FlatIndexer(Indexer):
    """Keep the vectors: at length 1 for `cosine`, else as they are. A zero vector stays zero.

    Reduced vectors are kept as small as they are; for `cosine`, int8 ones with their lengths.
    """

    takes: ClassVar = (Vectors, Int8Vectors, BitVectors)
    similarity: Similarity = "cosine"

    def open(self, runtime: Runtime) -> Callable[[Table], Index]:
        """The call copies the vectors, normalised if need be; UserError if one is not finite.

        UserError also for the distances of reduced vectors: they have lost their length, and queries have not.
        """

        def index(vectors: Table) -> Index:
            if not isinstance(vectors, Vectors):
                return reduced(vectors)
            array = prepared(vectors.array, self.similarity)
            squares = np.einsum("nd,nd->n", array, array, dtype=np.float64)
            if not np.isfinite(squares).all():
                row = int(np.flatnonzero(~np.isfinite(squares))[0])
                raise UserError(f"{self.word()}: the vector of document row {vectors.rows[row]} is not finite")
            return Index({"vectors": array, "squares": squares}, {"similarity": self.similarity})

        def reduced(vectors: Table) -> Index:
            if self.similarity == "euclidean":
                raise UserError(f"{self.word()}: reduced vectors have no distances; use cosine or dot")
            arrays = {"vectors": np.array(vectors.array)}
            if self.similarity == "cosine" and isinstance(vectors, Int8Vectors):
                squares = np.einsum("nd,nd->n", vectors.array, vectors.array, dtype=np.int64)
                arrays["lengths"] = np.sqrt(np.maximum(squares, 1)).astype(np.float32)
            return Index(arrays, {"similarity": self.similarity})

        return index


class FlatSearcher(ExhaustiveSearcher):
    """Rank all documents by cosine, dot product, or distance as a negative number: higher is always better.

    Scores are calculated in float64, each pair by itself, and rounded once to float32: in that quantum scores are equal
    or not. So a ranking depends neither on the batch nor on the number of threads nor on the device. Equal vectors tie
    exactly, and the first five of fifty are the first five of five.
    """

    takes: ClassVar = (Vectors, Int8Vectors, BitVectors)
    releases_gil: ClassVar[bool] = True

    def open(self, runtime: Runtime, index: Index) -> Callable[[Table], Run]:
        """Hold the index, on the GPU if there is one; the call answers Vectors."""
        documents = Documents.of(index)
        products = on_device(documents, runtime.device, runtime.threads, runtime.bill.halve)

        def search(queries: Table) -> Run:
            return nearest(products, self._asked(queries, documents), self.depth, queries.rows)

        return search

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Table], AllScores]:
        """Map the vectors; the call scores all documents for a Table of queries, on the CPU."""
        documents = Documents.of(index)

        def score(queries: Table) -> AllScores:
            values = all_scores(documents, self._asked(queries, documents))
            return AllScores(values, np.broadcast_to(True, values.shape))

        return score

    def _asked(self, queries: Table, documents: Documents) -> np.ndarray:
        """Return the queries as the similarity wants them; UserError where they cannot be compared."""
        found, width = queries.dimensions, documents.dimensions
        if found != width:
            raise UserError(f"{self.word()}: queries of {found} dimensions meet documents of {width}")
        asked = documents.asked(queries.array)
        if not np.isfinite(asked).all():
            raise UserError(f"{self.word()}: the vector of a query is not finite")
        return asked
