"""Exact nearest neighbour search, which compares every query with every document: indexer and searcher.

`harness.search.exact` ranks, and `harness.search.similarity` computes the products on CPU or GPU. The file format of an
index is in `harness.artifacts.index`.
"""

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
    """Keeps all vectors, for an exact search that compares each query with every document.

    For `cosine`, vectors are scaled to length 1; a zero vector stays zero. Reduced vectors keep their size; for
    `cosine`, int8 vectors are stored with their lengths.
    """

    takes: ClassVar = (Vectors, Int8Vectors, BitVectors)
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""

    def open(self, runtime: Runtime) -> Callable[[Table], Index]:
        """The call copies the vectors, and scales them if necessary.

        Raises UserError if a vector is not finite, and for `euclidean` on reduced vectors, which have lost their length
        while the queries have not.
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
                raise UserError(f"{self.word()}: reduced vectors have no distances; use 'cosine' or 'dot'")
            arrays = {"vectors": np.array(vectors.array)}
            if self.similarity == "cosine" and isinstance(vectors, Int8Vectors):
                squares = np.einsum("nd,nd->n", vectors.array, vectors.array, dtype=np.int64)
                arrays["lengths"] = np.sqrt(np.maximum(squares, 1)).astype(np.float32)
            return Index(arrays, {"similarity": self.similarity})

        return index


class FlatSearcher(ExhaustiveSearcher):
    """Ranks all documents by cosine, dot product or negative distance.

    Scores are computed in float64, for each pair separately, and rounded once to float32; ties are decided at that
    precision. A ranking therefore does not depend on the batch, the number of threads or the device. Equal vectors tie
    exactly, and the top 5 do not depend on the depth.
    """

    takes: ClassVar = (Vectors, Int8Vectors, BitVectors)
    releases_gil: ClassVar[bool] = True

    def open(self, runtime: Runtime, index: Index) -> Callable[[Table], Run]:
        """Load the vectors, onto the GPU if there is one; the call searches with the types in `takes`."""
        documents = Documents.of(index)
        products = on_device(documents, runtime.device, runtime.threads, runtime.bill.halve)

        def search(queries: Table) -> Run:
            return nearest(products, self._prepared(queries, documents), self.depth, queries.rows)

        return search

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Table], AllScores]:
        """Map the vectors; the call scores all documents for the queries, on the CPU."""
        documents = Documents.of(index)

        def score(queries: Table) -> AllScores:
            values = all_scores(documents, self._prepared(queries, documents))
            return AllScores(values, np.broadcast_to(True, values.shape))

        return score

    def _prepared(self, queries: Table, documents: Documents) -> np.ndarray:
        """Return the vectors of queries, scaled if the similarity requires it.

        Raises UserError if the dimensions differ from those of the documents, or if a vector is not finite.
        """
        dimensions, expected = queries.dimensions, documents.dimensions
        if dimensions != expected:
            raise UserError(f"{self.word()}: the queries have {dimensions} dimensions, but the documents {expected}")
        vectors = documents.prepare_queries(queries.array)
        if not np.isfinite(vectors).all():
            raise UserError(f"{self.word()}: the vector of a query is not finite")
        return vectors
