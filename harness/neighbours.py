"""Exact nearest neighbours in bounded memory: fast products choose candidates, exact scores rank them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run

Similarity = Literal["cosine", "dot", "euclidean"]
QUERIES = 1024
"""Queries that are searched together: a wide product is faster than several narrow ones."""
FEW = 4
"""Queries up to which one thread is faster with a pass over the documents for each than with a product of matrices."""
SCORES = 8_388_608
"""Scores that are held at a time, 32 MiB of them."""
SAMPLE = 4096
"""Documents whose scores set the first bar."""
CROWD = 4096
"""Candidates beyond the depth with which exact scores are called in early: so many near the border are equal ones."""
CONVERTED = 1_048_576
"""Coordinates of reduced vectors that are held in float32 at a time, 4 MiB of them, so that they stay in the cache."""
COORDINATES = 1_048_576
"""Coordinates that are held in float64 at a time, 8 MiB of them."""
ROUNDING = 2.0**-24
"""The greatest relative error of one float32 operation."""


class Documents(NamedTuple):
    """The vectors of an index as they are kept: float32[documents, dimensions], int8 ones, or packed bits."""

    vectors: np.ndarray
    squares: np.ndarray
    """Of the lengths, float64: one a document, or one bound for all."""
    similarity: Similarity
    lengths: np.ndarray | None = None
    """Of int8 vectors, where they are to be compared at length 1."""

    @classmethod
    def of(cls, index: Index) -> Documents:
        """Read an index; nothing is copied."""
        arrays = {name: np.asarray(array) for name, array in index.arrays.items()}
        vectors, lengths = arrays["vectors"], arrays.get("lengths")
        squares = arrays["squares"] if "squares" in arrays else _bound(vectors, lengths)
        return cls(vectors, squares, index.facts["similarity"], lengths)

    @property
    def dimensions(self) -> int:
        """How many coordinates a vector has: eight to a byte of bits."""
        return int(self.vectors.shape[1]) * (8 if self.vectors.dtype == np.uint8 else 1)

    @property
    def whole(self) -> bool:
        """Whether the vectors are kept as they are compared."""
        return self.vectors.dtype == np.float32

    def floats(self, which: slice | np.ndarray) -> np.ndarray:
        """Return some vectors as they are compared, float32[..., dimensions]."""
        found = floats(self.vectors[which])
        return found if self.lengths is None else found / self.lengths[which][..., None]

    def asked(self, queries: np.ndarray) -> np.ndarray:
        """Return queries as they are compared. Bits are +1 and -1, so cosine takes their length from the queries."""
        found = prepared(floats(queries), self.similarity)
        if self.similarity == "cosine" and self.vectors.dtype == np.uint8:
            found = found / np.float32(max(self.dimensions, 1) ** 0.5)
        return found


def _bound(vectors: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return float64[1] that no squared length exceeds, for int8 and for bits."""
    if vectors.dtype == np.uint8:
        return np.array([8.0 * vectors.shape[1]])
    return np.array([128.0**2 * vectors.shape[1] if lengths is None else 1.001])


SIGNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
"""The eight coordinates that a byte stands for."""


def floats(array: np.ndarray) -> np.ndarray:
    """Return float32 vectors, int8 ones or packed bits as float32.

    >>> floats(np.array([[0b10000001]], np.uint8)).tolist()
    [[1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0]]
    """
    if array.dtype != np.uint8:
        return array.astype(np.float32, copy=False)
    signs: np.ndarray = SIGNS[array]
    return signs.reshape(*array.shape[:-1], 8 * array.shape[-1])


def prepared(array: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Return float32 vectors as a similarity wants them: at length 1 for cosine, where zero stays zero."""
    array = np.ascontiguousarray(array, dtype=np.float32)
    if similarity != "cosine":
        return array
    lengths = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))[:, None]
    unit: np.ndarray = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0, casting="same_kind")
    return unit


class Candidates(NamedTuple):
    """Documents of each query, int32[queries, width], NONE where empty, and their products float32, -inf there."""

    documents: np.ndarray
    products: np.ndarray

    @property
    def width(self) -> int:
        """The number of places a query."""
        return int(self.documents.shape[1])


class Products:
    """Products of queries and documents on the CPU: they rank as the similarity does, but for rounding.

    For `euclidean` it is q·d - |d|²/2, which falls as the distance rises.
    """

    def __init__(self, documents: Documents, threads: int = 1) -> None:
        self.documents, self.threads = documents, threads
        self.halves: Any = None
        if documents.similarity == "euclidean":
            self.halves = (documents.squares / 2).astype(np.float32)

    def of(self, queries: np.ndarray, part: slice) -> Any:
        """Return [queries, documents] for some documents, where it was calculated."""
        found = self.times(queries, part)
        if self.halves is not None:
            found -= self.halves[part]
        return found

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Multiply; few queries are limited by the memory, which einsum reads faster than the BLAS on one thread."""
        held = self.documents.floats(part)
        if self.threads == 1 and len(queries) <= FEW:
            return np.stack([np.einsum("nd,d->n", held, query) for query in queries])
        return queries @ held.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Return what stands at place `depth` of each row."""
        return kth(products, depth)

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, column and product of all that reach the bar of their row, row by row."""
        places = np.flatnonzero(products >= bar[:, None])
        rows, columns = np.divmod(places, products.shape[1])
        return rows, columns, products.ravel()[places]


class DeviceProducts(Products):
    """The same with torch, on a device that holds all vectors; reduced ones come to it block by block."""

    def __init__(self, documents: Documents, device: str) -> None:
        import torch

        super().__init__(documents)
        torch.set_float32_matmul_precision("highest")  # TF32 would err by more than the margin
        self.torch, self.device = torch, device
        self.vectors = self.put(documents.vectors) if documents.whole else None
        self.halves = None if self.halves is None else self.put(self.halves)

    def put(self, array: np.ndarray) -> Any:
        """Copy an array to the device."""
        return self.torch.tensor(array, device=self.device)

    def times(self, queries: np.ndarray, part: slice) -> Any:
        """Multiply on the device."""
        held = self.put(self.documents.floats(part)) if self.vectors is None else self.vectors[part]
        return self.put(queries) @ held.T

    def kth(self, products: Any, depth: int) -> np.ndarray:
        """Select on the device."""
        found: np.ndarray = products.topk(depth, dim=1).values[:, -1].cpu().numpy()
        return found

    def above(self, products: Any, bar: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compare on the device, and bring home what reaches the bar."""
        rows, columns = (products >= self.put(bar)[:, None]).nonzero(as_tuple=True)
        return rows.cpu().numpy(), columns.cpu().numpy(), products[rows, columns].cpu().numpy()


def on_device(documents: Documents, device: str, threads: int) -> Products:
    """Return products on a device; on the CPU with that many threads of the BLAS, from now on."""
    if device != "cpu":
        return DeviceProducts(documents, device)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(limits=threads, user_api="blas")
    return Products(documents, threads)


def nearest(products: Products, queries: np.ndarray, depth: int, rows: range) -> Run:
    """Return the `depth` nearest documents of each query by exact score, in canonical order.

    The score is the dot product, or the distance as a negative number for `euclidean`.
    """
    depth = min(depth, len(products.documents.vectors))
    starts = range(0, max(len(queries), 1), QUERIES)
    parts = [slice(start, start + QUERIES) for start in starts]
    return Run.join([_nearest(products, queries[part], depth, rows[part]) for part in parts])


def _nearest(products: Products, queries: np.ndarray, depth: int, rows: range) -> Run:
    """Go once over all documents. A document below the `bar` by its product cannot be among the best by its score.

    For if two documents stand in one order by score, their products stand in it too, or are no further apart than
    twice the error of a product.
    """
    documents, count = products.documents, len(queries)
    pool = Candidates(np.empty((count, 0), np.int32), np.empty((count, 0), np.float32))
    if not count or not depth:
        return Run.top(pool.products, depth, documents=pool.documents, rows=rows)
    margin, bar = 2 * error(documents, queries), None
    held = SCORES // count if documents.whole else min(SCORES // count, CONVERTED // max(documents.dimensions, 1))
    step = max(held, SAMPLE, depth)
    for start in range(0, len(documents.vectors), step):
        block = products.of(queries, slice(start, start + step))
        if bar is None:
            bar = products.kth(block[:, : max(SAMPLE, depth)], depth) - margin
        pool = joined(pool, gathered(count, start, *products.above(block, bar)))
        if pool.width > depth:
            bar = np.maximum(bar, kth(pool.products, depth) - margin)
            pool = reached(pool, bar)
        if pool.width > depth + CROWD:
            run = exact(documents, queries, pool).cut(depth)
            pool = Candidates(run.documents, as_products(documents, queries, run.scores))
    run = exact(documents, queries, pool)
    return Run.top(run.scores, depth, documents=run.documents, rows=rows)


def rescored(vectors: np.ndarray, queries: np.ndarray, candidates: np.ndarray, similarity: Similarity) -> Run:
    """Rank `candidates` int32[queries, width] (rows of `vectors`, NONE where empty) by exact score.

    Only the vectors of candidates are read. Scores are those of `nearest`, to the last bit.
    """
    known = np.unique(candidates)
    known = known[known != NONE]
    held = prepared(vectors[known], similarity)
    places = np.where(candidates == NONE, NONE, np.searchsorted(known, candidates)).astype(np.int32)
    pool = Candidates(places, np.empty((0, 0), np.float32))
    run = exact(Documents(held, np.empty(0), similarity), prepared(queries, similarity), pool)
    found = np.append(known, NONE)[run.documents].astype(np.int32)
    return Run(found, run.scores)


def error(documents: Documents, queries: np.ndarray) -> np.ndarray:
    """Return how far a product of each query may lie from its true value, rounding of the score included."""
    dimensions = documents.dimensions
    longest = np.sqrt(documents.squares.max(initial=0))
    lengths = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
    scale = (lengths + longest) ** 2 if documents.similarity == "euclidean" else lengths * longest
    bound: np.ndarray = (ROUNDING * (dimensions + 8) * scale).astype(np.float32)
    return bound


def exact(documents: Documents, queries: np.ndarray, pool: Candidates) -> Run:
    """Rank candidates by score, calculated in float64 for each pair by itself and rounded to float32."""
    scores = np.full(pool.documents.shape, -np.inf, np.float32)
    dimensions = max(documents.dimensions, 1)
    across = max(1, min(pool.width, COORDINATES // dimensions))
    down = max(1, COORDINATES // (dimensions * across))
    for top in range(0, len(queries), down):
        asked = queries[top : top + down].astype(np.float64)[:, None, :]
        for left in range(0, pool.width, across):
            here = (slice(top, top + down), slice(left, left + across))
            held = documents.floats(pool.documents[here]).astype(np.float64)
            if documents.similarity == "euclidean":
                held -= asked
                scores[here] = -np.sqrt(np.einsum("qcd,qcd->qc", held, held))
            else:
                scores[here] = np.einsum("qcd,qcd->qc", held, np.broadcast_to(asked, held.shape))
    return Run.top(scores, pool.width, documents=pool.documents)


def as_products(documents: Documents, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Turn exact scores into what their products would be."""
    if documents.similarity != "euclidean":
        return scores
    squares = np.einsum("nd,nd->n", queries, queries, dtype=np.float64)[:, None]
    found: np.ndarray = ((squares - scores.astype(np.float64) ** 2) / 2).astype(np.float32)
    return found


def kth(products: np.ndarray, depth: int) -> np.ndarray:
    """Return what stands at place `depth` of each row, counted from the highest."""
    place = products.shape[1] - depth
    found: np.ndarray = np.partition(products, place, axis=1)[:, place]
    return found


def gathered(count: int, offset: int, rows: np.ndarray, columns: np.ndarray, products: np.ndarray) -> Candidates:
    """Line up what was found row by row."""
    sizes = np.bincount(rows, minlength=count)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    width = int(sizes.max(initial=0))
    pool = Candidates(np.full((count, width), NONE, np.int32), np.full((count, width), -np.inf, np.float32))
    pool.documents[rows, places] = columns + offset
    pool.products[rows, places] = products
    return pool


def joined(pool: Candidates, more: Candidates) -> Candidates:
    """Put candidates side by side."""
    return Candidates(*(np.concatenate(pair, axis=1) for pair in zip(pool, more, strict=True)))


def reached(pool: Candidates, bar: np.ndarray) -> Candidates:
    """Keep what reaches the bar."""
    rows, columns = np.nonzero(pool.products >= bar[:, None])
    return gathered(len(bar), 0, rows, pool.documents[rows, columns], pool.products[rows, columns])


def all_scores(documents: Documents, queries: np.ndarray) -> np.ndarray:
    """Return the exact score of every document, float32[queries, documents]; see `exact`."""
    count = len(documents.vectors)
    scores = np.empty((len(queries), count), np.float32)
    step = max(1, COORDINATES // max(documents.dimensions, 1))
    for start in range(0, count, step):
        here = slice(start, start + step)
        held = documents.floats(here).astype(np.float64)
        for row, query in enumerate(queries.astype(np.float64)):
            if documents.similarity == "euclidean":
                apart = held - query
                scores[row, here] = -np.sqrt(np.einsum("nd,nd->n", apart, apart))
            else:
                scores[row, here] = np.einsum("nd,nd->n", held, np.broadcast_to(query, held.shape))
    return scores
