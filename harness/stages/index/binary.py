"""Vectors as bits, one a dimension, compared by how many differ, ranked again if asked for; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.search.approximate import accepted, asked, by_block, rank, settled, stored
from harness.search.exact import Candidates, nearest
from harness.search.faiss_index import library
from harness.search.similarity import Documents, Products, Similarity, on_device
from harness.stage import Indexer, Runtime, Searcher

Rescore = Literal["query", "full"]


class BinaryIndexer(Indexer):
    """Keep whether a coordinate is above 0 (Charikar 2002); `keep_vectors` keeps the vectors too, for `rescore: full`.

    They are memory-mapped and only those of candidates are read, so they take room on the disk and little in memory.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    keep_vectors: bool = False

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call keeps the bits; UserError for a vector that is not finite."""

        def index(vectors: Vectors) -> Index:
            array = accepted(self.word(), vectors, self.similarity)
            arrays = {"bits": np.packbits(array > 0, axis=1)}
            if self.keep_vectors:
                arrays["vectors"] = array
            return Index(arrays, {"similarity": self.similarity, "dimensions": array.shape[1]})

        return index


class BinarySearcher(Searcher):
    """Rank by the cosine of the sign vectors, 1 - 2h/d for h of d bits that differ; or rank the best of these again.

    `rescore: query` ranks the `candidates` best (or `depth`, where that is more) by the query's own vector against the
    signs at length 1 (Yamada, Asai and Hajishirzi 2021, arXiv 2106.00882); `full` by both full vectors.
    """

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    rescore: Rescore | None = None
    candidates: int = Field(default=400, ge=1)

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Hold the bits, on a GPU as ±1 by torch; UserError if full vectors are wanted and the index has none."""
        word, similarity, width = self.word(), index.facts["similarity"], index.facts["dimensions"]
        bits = np.asarray(index.arrays["bits"])
        first = self.depth if self.rescore is None else max(self.candidates, self.depth)
        find = by_bits(word, bits, width, first)
        if runtime.device != "cpu":
            find = by_signs(bits, width, first, runtime.device, runtime.threads, runtime.bill.halve)
        documents = self._documents(index, bits)

        def answer(queries: np.ndarray, rows: range) -> Run:
            run = find(queries, rows)
            if documents is None:
                return run
            pool = Candidates(run.documents, run.scores)
            return rank(documents, queries, pool, self.depth, rows)

        def search(queries: Vectors) -> Run:
            return by_block(asked(word, queries, width, similarity), queries.rows, len(bits), answer)

        return search

    def _documents(self, index: Index, bits: np.ndarray) -> Documents | None:
        """Return what the candidates are ranked by again."""
        similarity, width = index.facts["similarity"], index.facts["dimensions"]
        if self.rescore is None:
            return None
        if self.rescore == "query":
            return stored(lambda rows: signs(bits[rows], width) / np.sqrt(width), len(bits), width, similarity)
        if "vectors" not in index.arrays:
            raise UserError(f"{self.word()}: 'rescore: full' needs an index made with 'keep_vectors: true'")
        return Documents(np.asarray(index.arrays["vectors"]), np.empty(0), similarity)


Find = Callable[[np.ndarray, range], Run]


def by_bits(word: str, bits: np.ndarray, width: int, depth: int) -> Find:
    """Count the bits that differ, by faiss; ties at the border are settled as everywhere."""
    faiss = library(f"'{word}'")
    held = faiss.IndexBinaryFlat(8 * bits.shape[1])
    held.add(np.ascontiguousarray(bits))

    def ask(queries: np.ndarray, wanted: int) -> Candidates:
        differ, found = held.search(np.packbits(queries > 0, axis=1), wanted)
        return Candidates(found.astype(np.int32), np.where(found < 0, -np.inf, width - 2.0 * differ).astype(np.float32))

    def find(queries: np.ndarray, rows: range) -> Run:
        pool = settled(ask, queries, min(depth, len(bits)), np.zeros(len(queries), np.float32), len(bits))
        return cosines(pool, width, depth, rows)

    return find


def by_signs(bits: np.ndarray, width: int, depth: int, device: str, threads: int, halved: Callable[[], None]) -> Find:
    """Multiply sign vectors by torch: their product is a whole number, so the ranking is that of the bits."""
    vectors = signs(bits, width)
    products: Products = on_device(Documents(vectors, np.full(len(bits), float(width)), "dot"), device, threads, halved)

    def find(queries: np.ndarray, rows: range) -> Run:
        run = nearest(products, signs(np.packbits(queries > 0, axis=1), width), depth, rows)
        return cosines(Candidates(run.documents, run.scores), width, depth, rows)

    return find


def cosines(pool: Candidates, width: int, depth: int, rows: range) -> Run:
    """Rank by products of sign vectors, over the dimensions: the cosine of the signs."""
    scores = np.where(pool.documents == NONE, -np.inf, pool.products / np.float32(max(width, 1)))
    return Run.top(scores.astype(np.float32), depth, documents=pool.documents, rows=rows)


def signs(bits: np.ndarray, width: int) -> np.ndarray:
    """Return bits as float32[rows, width] of +1 and -1."""
    return np.unpackbits(bits, axis=1)[:, :width].astype(np.float32) * 2 - 1
