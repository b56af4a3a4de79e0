"""Scalar quantisation to one byte per dimension, with a search over all vectors: indexer and searcher.

`harness.search.faiss_index` builds and searches the codes. On a GPU `harness.search.exact` and `similarity` rank the
decoded vectors. The file format of an index is in `harness.artifacts.index`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.search.approximate import query_vectors
from harness.search.exact import Candidates, nearest
from harness.search.faiss_index import as_candidates, build, exhaustive, open_index
from harness.search.similarity import Documents, Similarity, on_device
from harness.stage import Indexer, Runtime, Searcher


class Sq8Indexer(Indexer):
    """Rounds each coordinate to one byte, and compares each query with every document.

    The 256 steps are equidistant between the minimum and the maximum of each dimension, as in faiss.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call determines the steps and rounds. Raises UserError if a vector is not finite."""

        def make(faiss: Any, dimensions: int, metric: int) -> Any:
            return faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, metric)

        return lambda vectors: build(self.word(), vectors, self.similarity, make)


class Sq8Searcher(Searcher):
    """Ranks all documents by their decoded vectors; equal codes tie."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Load the codes into memory, or on a GPU the decoded vectors into torch; the call searches with Vectors."""
        word, facts = self.word(), index.facts
        engine = open_index(word, index)
        if runtime.device == "cpu" or not facts["documents"]:

            def find(queries: np.ndarray, count: int) -> Candidates:
                distances, documents = engine.search(queries, count)
                return as_candidates(distances, documents, facts["similarity"])

            return exhaustive(word, self.depth, index, engine, find, facts["documents"])
        vectors = engine.reconstruct_n(0, facts["documents"])
        squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
        products = on_device(
            Documents(vectors, squares, facts["similarity"]), runtime.device, runtime.threads, runtime.bill.halve
        )

        def search(queries: Vectors) -> Run:
            array = query_vectors(word, queries, facts["dimensions"], facts["similarity"])
            return nearest(products, array, self.depth, queries.rows)

        return search
