"""Exact nearest neighbours in bounded memory: fast products select candidates, and exact scores rank them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.search.similarity import Documents, Products, Similarity, kth, prepared

QUERIES = 1024
"""The number of queries that are searched together: one wide product is faster than several narrow ones."""
SCORES = 8_388_608
"""The number of scores that are held at a time, 32 MiB."""
SAMPLE = 4096
"""The number of documents whose scores set the first bar on a CPU."""
CROWD = 4096
"""The number of candidates beyond the depth at which exact scores decide early: so many near the bar tie."""
CONVERTED = 1_048_576
"""The number of coordinates of reduced vectors that are held in float32 at a time, 4 MiB, to stay in the cache."""
COORDINATES = 1_048_576
"""The number of coordinates that are held in float64 at a time, 8 MiB."""
ROUNDING = 2.0**-24
"""The greatest relative rounding error of one float32 operation."""


class Candidates(NamedTuple):
    """The candidates of each query.

    `documents` int32[queries, width] is NONE in an empty place, and `products` float32[queries, width] is -inf there.
    """

    documents: np.ndarray
    products: np.ndarray

    @property
    def width(self) -> int:
        """The number of places per query."""
        return int(self.documents.shape[1])


def nearest(products: Products, queries: np.ndarray, depth: int, rows: range) -> Run:
    """Return the `depth` nearest documents of each query by exact score, in canonical order.

    The score is the dot product, or for `euclidean` the negative distance.
    """
    depth = min(depth, len(products.documents.vectors))
    starts = range(0, max(len(queries), 1), QUERIES)
    parts = [slice(start, start + QUERIES) for start in starts]
    return Run.join([_nearest(products, queries[part], depth, rows[part]) for part in parts])


def _nearest(products: Products, queries: np.ndarray, depth: int, rows: range) -> Run:
    """Search all documents in one pass. A document whose product is below the `bar` cannot be among the best by score.

    The reason: if one document scores higher than another, its product is higher too, or lower by at most twice the
    error of a product.
    """
    documents, count = products.documents, len(queries)
    pool = Candidates(np.empty((count, 0), np.int32), np.empty((count, 0), np.float32))
    if not count or not depth:
        return Run.top(pool.products, depth, documents=pool.documents, rows=rows)
    margin = 2 * error(documents, queries)
    least, sample = max(SAMPLE, depth), len(documents.vectors) if products.room else max(SAMPLE, depth)
    step, start, bar = max(_block_size(products, count), least), 0, None
    while start < len(documents.vectors):
        try:
            block = products.of(queries, slice(start, start + step))
            if bar is None:
                bar = products.kth(block[:, :sample], depth) - margin
            above = products.above(block, bar)
        except products.lack:
            if step == least:
                raise
            step = max(step // 2, least)
            products.relieve()
            continue
        pool = joined(pool, gathered(count, start, *above))
        start += step
        if pool.width > depth:
            bar = np.maximum(bar, kth(pool.products, depth) - margin)
            pool = reached(pool, bar)
        if pool.width > depth + CROWD:
            run = exact(documents, queries, pool).cut(depth)
            pool = Candidates(run.documents, as_products(documents, queries, run.scores))
    run = exact(documents, queries, pool)
    return Run.top(run.scores, depth, documents=run.documents, rows=rows)


def _block_size(products: Products, count: int) -> int:
    """Return how many documents are compared with `count` queries at a time."""
    documents, scores = products.documents, products.room or SCORES
    if documents.is_float32:
        return scores // count
    converted = CONVERTED if products.room is None else products.room // 4
    return min(scores // count, converted // max(documents.dimensions, 1))


def rescored(vectors: np.ndarray, queries: np.ndarray, candidates: np.ndarray, similarity: Similarity) -> Run:
    """Rank `candidates` int32[queries, width], rows of `vectors` or NONE, by exact score.

    Only the vectors of the candidates are read. The scores are those of `nearest`, bit for bit.
    """
    used = np.unique(candidates)
    used = used[used != NONE]
    documents = Documents(prepared(vectors[used], similarity), np.empty(0), similarity)
    places = np.where(candidates == NONE, NONE, np.searchsorted(used, candidates)).astype(np.int32)
    run = exact(documents, prepared(queries, similarity), Candidates(places, np.empty((0, 0), np.float32)))
    return Run(np.append(used, NONE)[run.documents].astype(np.int32), run.scores)


def error(documents: Documents, queries: np.ndarray) -> np.ndarray:
    """Bound the error of the products of each query, rounding of the score included: float32[queries]."""
    dimensions = documents.dimensions
    longest = np.sqrt(documents.squares.max(initial=0))
    lengths = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
    scale = (lengths + longest) ** 2 if documents.similarity == "euclidean" else lengths * longest
    bound: np.ndarray = (ROUNDING * (dimensions + 8) * scale).astype(np.float32)
    return bound


def exact(documents: Documents, queries: np.ndarray, pool: Candidates) -> Run:
    """Rank candidates by score, which is computed in float64 for each pair separately and rounded to float32."""
    scores = np.full(pool.documents.shape, -np.inf, np.float32)
    dimensions = max(documents.dimensions, 1)
    across = max(1, min(pool.width, COORDINATES // dimensions))
    down = max(1, COORDINATES // (dimensions * across))
    for top in range(0, len(queries), down):
        block = queries[top : top + down].astype(np.float64)[:, None, :]
        for left in range(0, pool.width, across):
            tile = (slice(top, top + down), slice(left, left + across))
            vectors = documents.floats(pool.documents[tile]).astype(np.float64)
            if documents.similarity == "euclidean":
                vectors -= block
                scores[tile] = -np.sqrt(np.einsum("qcd,qcd->qc", vectors, vectors))
            else:
                scores[tile] = np.einsum("qcd,qcd->qc", vectors, np.broadcast_to(block, vectors.shape))
    return Run.top(scores, pool.width, documents=pool.documents)


def as_products(documents: Documents, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Convert exact scores to the scale of products."""
    if documents.similarity != "euclidean":
        return scores
    squares = np.einsum("nd,nd->n", queries, queries, dtype=np.float64)[:, None]
    products: np.ndarray = ((squares - scores.astype(np.float64) ** 2) / 2).astype(np.float32)
    return products


def gathered(count: int, offset: int, rows: np.ndarray, columns: np.ndarray, products: np.ndarray) -> Candidates:
    """Return candidates from rows, columns and products in order of rows; `offset` is added to the columns."""
    sizes = np.bincount(rows, minlength=count)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    width = int(sizes.max(initial=0))
    pool = Candidates(np.full((count, width), NONE, np.int32), np.full((count, width), -np.inf, np.float32))
    pool.documents[rows, places] = columns + offset
    pool.products[rows, places] = products
    return pool


def joined(pool: Candidates, more: Candidates) -> Candidates:
    """Concatenate the candidates of each query."""
    return Candidates(*(np.concatenate(pair, axis=1) for pair in zip(pool, more, strict=True)))


def reached(pool: Candidates, bar: np.ndarray) -> Candidates:
    """Keep the candidates whose product reaches the bar."""
    rows, columns = np.nonzero(pool.products >= bar[:, None])
    return gathered(len(bar), 0, rows, pool.documents[rows, columns], pool.products[rows, columns])


def all_scores(documents: Documents, queries: np.ndarray) -> np.ndarray:
    """Return the exact score of every document, as `exact` computes it: float32[queries, documents]."""
    count = len(documents.vectors)
    scores = np.empty((len(queries), count), np.float32)
    step = max(1, COORDINATES // max(documents.dimensions, 1))
    for start in range(0, count, step):
        part = slice(start, start + step)
        vectors = documents.floats(part).astype(np.float64)
        for row, query in enumerate(queries.astype(np.float64)):
            if documents.similarity == "euclidean":
                differences = vectors - query
                scores[row, part] = -np.sqrt(np.einsum("nd,nd->n", differences, differences))
            else:
                scores[row, part] = np.einsum("nd,nd->n", vectors, np.broadcast_to(query, vectors.shape))
    return scores
