"""All vectors in a byte a dimension, every one compared: scalar quantisation; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.search.approximate import asked
from harness.search.exact import Candidates, nearest
from harness.search.faiss_index import build, candidates, exhaustive, opened
from harness.search.similarity import Documents, Similarity, on_device
from harness.stage import Indexer, Runtime, Searcher


class Sq8Indexer(Indexer):
    """Round each coordinate to one of 256 steps between the least and the greatest of its dimension, as faiss does."""

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call learns the steps and rounds; UserError for a vector that is not finite."""

        def make(faiss: Any, dimensions: int, metric: int) -> Any:
            return faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, metric)

        return lambda vectors: build(self.word(), vectors, self.similarity, make)


class Sq8Searcher(Searcher):
    """Rank all documents by what their codes stand for; equal codes tie."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Read the codes into memory; on a GPU torch holds the vectors that they stand for, and ranks alike."""
        word, facts = self.word(), index.facts
        held = opened(word, index)
        if runtime.device == "cpu" or not facts["documents"]:

            def ask(queries: np.ndarray, wanted: int) -> Candidates:
                distances, documents = held.search(queries, wanted)
                return candidates(distances, documents, facts["similarity"])

            return exhaustive(word, self.depth, index, held, ask, facts["documents"])
        vectors = held.reconstruct_n(0, facts["documents"])
        squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
        products = on_device(
            Documents(vectors, squares, facts["similarity"]), runtime.device, runtime.threads, runtime.bill.halve
        )

        def search(queries: Vectors) -> Run:
            array = asked(word, queries, facts["dimensions"], facts["similarity"])
            return nearest(products, array, self.depth, queries.rows)

        return search
