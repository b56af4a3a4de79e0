"""Vectors as bits, one per dimension, compared by Hamming distance and optionally rescored: indexer and searcher.

faiss counts the bits that differ; `harness.search.approximate` checks vectors and rescores, `harness.search.exact` and
`similarity` rank on a GPU. The file format of an index is in `harness.artifacts.index`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.search.approximate import (
    document_vectors,
    find_enough,
    query_vectors,
    rank,
    search_in_blocks,
    stored_documents,
)
from harness.search.exact import Candidates, nearest
from harness.search.faiss_index import import_faiss
from harness.search.similarity import Documents, Products, Similarity, on_device
from harness.stage import Indexer, Runtime, Searcher

Rescore = Literal["query", "full"]


class BinaryIndexer(Indexer):
    """Keeps the sign of each coordinate as one bit (Charikar 2002), to be searched by Hamming distance."""

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    """The similarity by which candidates are rescored."""
    keep_vectors: bool = False
    """Whether the index contains the full vectors too, for `rescore: full`. They are memory-mapped and only those of
    candidates are read, so they take disk space but little memory."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call builds the index. Raises UserError if a vector is not finite."""

        def index(vectors: Vectors) -> Index:
            array = document_vectors(self.word(), vectors, self.similarity)
            arrays = {"bits": np.packbits(array > 0, axis=1)}
            if self.keep_vectors:
                arrays["vectors"] = array
            return Index(arrays, {"similarity": self.similarity, "dimensions": array.shape[1]})

        return index


class BinarySearcher(Searcher):
    """Ranks documents by the Hamming distance of their bits, and optionally rescores the best.

    Scores are the cosine of the sign vectors, 1 - 2h/d if h of d bits differ.
    """

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    rescore: Rescore | None = None
    """How candidates are rescored: `query` compares the query's full vector with the document's signs, scaled to length
    1 (Yamada, Asai and Hajishirzi 2021, arXiv 2106.00882), and `full` compares both full vectors; None does not."""
    candidates: int = Field(default=400, ge=1)
    """The number of documents per query that are rescored, or `depth` if that is larger."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Load the bits, or on a GPU the signs as ±1 in torch; the call searches with Vectors.

        Raises UserError for `rescore: full` if the index has no full vectors.
        """
        word, similarity, width = self.word(), index.facts["similarity"], index.facts["dimensions"]
        bits = np.asarray(index.arrays["bits"])
        first = self.depth if self.rescore is None else max(self.candidates, self.depth)
        search_signs = by_bits(word, bits, width, first)
        if runtime.device != "cpu":
            search_signs = by_signs(bits, width, first, runtime.device, runtime.threads, runtime.bill.halve)
        documents = self._documents(index, bits)

        def answer(queries: np.ndarray, rows: range) -> Run:
            run = search_signs(queries, rows)
            if documents is None:
                return run
            pool = Candidates(run.documents, run.scores)
            return rank(documents, queries, pool, self.depth, rows)

        def search(queries: Vectors) -> Run:
            return search_in_blocks(query_vectors(word, queries, width, similarity), queries.rows, len(bits), answer)

        return search

    def _documents(self, index: Index, bits: np.ndarray) -> Documents | None:
        """Return the documents' vectors for rescoring; None without it."""
        similarity, width = index.facts["similarity"], index.facts["dimensions"]
        if self.rescore is None:
            return None
        if self.rescore == "query":
            return stored_documents(
                lambda rows: signs(bits[rows], width) / np.sqrt(width), len(bits), width, similarity
            )
        if "vectors" not in index.arrays:
            raise UserError(f"{self.word()}: 'rescore: full' needs an index built with 'keep_vectors: true'")
        return Documents(np.asarray(index.arrays["vectors"]), np.empty(0), similarity)


SearchSigns = Callable[[np.ndarray, range], Run]
"""Returns the run of query vectors float32[n, dimensions] with their rows."""


def by_bits(word: str, bits: np.ndarray, width: int, depth: int) -> SearchSigns:
    """Return a search with faiss by the number of bits that differ; document ids decide ties at the boundary."""
    faiss = import_faiss(f"'{word}'")
    engine = faiss.IndexBinaryFlat(8 * bits.shape[1])
    engine.add(np.ascontiguousarray(bits))

    def find(queries: np.ndarray, count: int) -> Candidates:
        differ, rows = engine.search(np.packbits(queries > 0, axis=1), count)
        return Candidates(rows.astype(np.int32), np.where(rows < 0, -np.inf, width - 2.0 * differ).astype(np.float32))

    def search(queries: np.ndarray, rows: range) -> Run:
        pool = find_enough(find, queries, min(depth, len(bits)), np.zeros(len(queries), np.float32), len(bits))
        return cosines(pool, width, depth, rows)

    return search


def by_signs(
    bits: np.ndarray, width: int, depth: int, device: str, threads: int, halved: Callable[[], None]
) -> SearchSigns:
    """Return a search with torch by the products of sign vectors, which are integers and so rank as the bits do."""
    vectors = signs(bits, width)
    products: Products = on_device(Documents(vectors, np.full(len(bits), float(width)), "dot"), device, threads, halved)

    def search(queries: np.ndarray, rows: range) -> Run:
        run = nearest(products, signs(np.packbits(queries > 0, axis=1), width), depth, rows)
        return cosines(Candidates(run.documents, run.scores), width, depth, rows)

    return search


def cosines(pool: Candidates, width: int, depth: int, rows: range) -> Run:
    """Return the Run of candidates by the cosine of the sign vectors: their product divided by the dimensions."""
    scores = np.where(pool.documents == NONE, -np.inf, pool.products / np.float32(max(width, 1)))
    return Run.top(scores.astype(np.float32), depth, documents=pool.documents, rows=rows)


def signs(bits: np.ndarray, width: int) -> np.ndarray:
    """Return bits as float32[rows, width] of +1 and -1."""
    return np.unpackbits(bits, axis=1)[:, :width].astype(np.float32) * 2 - 1
