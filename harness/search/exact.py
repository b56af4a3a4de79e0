"""Exact nearest neighbours in bounded memory: fast products choose candidates, exact scores rank them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.search.similarity import Documents, Products, Similarity, kth, prepared

QUERIES = 1024
"""Queries that are searched together: a wide product is faster than several narrow ones."""
SCORES = 8_388_608
"""Scores that are held at a time, 32 MiB of them."""
SAMPLE = 4096
"""Documents whose scores set the first bar, where a block of scores is not on a device."""
CROWD = 4096
"""Candidates beyond the depth with which exact scores are called in early: so many near the border are equal ones."""
CONVERTED = 1_048_576
"""Coordinates of reduced vectors that are held in float32 at a time, 4 MiB of them, so that they stay in the cache."""
COORDINATES = 1_048_576
"""Coordinates that are held in float64 at a time, 8 MiB of them."""
ROUNDING = 2.0**-24
"""The greatest relative error of one float32 operation."""


class Candidates(NamedTuple):
    """Documents of each query, int32[queries, width], NONE where empty, and their products float32, -inf there."""

    documents: np.ndarray
    products: np.ndarray

    @property
    def width(self) -> int:
        """The number of places a query."""
        return int(self.documents.shape[1])


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
    margin = 2 * error(documents, queries)
    least, sample = max(SAMPLE, depth), len(documents.vectors) if products.room else max(SAMPLE, depth)
    step, start, bar = max(_held(products, count), least), 0, None
    while start < len(documents.vectors):
        try:
            block = products.of(queries, slice(start, start + step))
            if bar is None:
                bar = products.kth(block[:, :sample], depth) - margin
            found = products.above(block, bar)
        except products.lack:
            if step == least:
                raise
            step = max(step // 2, least)
            products.relieve()
            continue
        pool = joined(pool, gathered(count, start, *found))
        start += step
        if pool.width > depth:
            bar = np.maximum(bar, kth(pool.products, depth) - margin)
            pool = reached(pool, bar)
        if pool.width > depth + CROWD:
            run = exact(documents, queries, pool).cut(depth)
            pool = Candidates(run.documents, as_products(documents, queries, run.scores))
    run = exact(documents, queries, pool)
    return Run.top(run.scores, depth, documents=run.documents, rows=rows)


def _held(products: Products, count: int) -> int:
    """Return how many documents meet `count` queries at a time."""
    documents, scores = products.documents, products.room or SCORES
    if documents.whole:
        return scores // count
    converted = CONVERTED if products.room is None else products.room // 4
    return min(scores // count, converted // max(documents.dimensions, 1))


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
