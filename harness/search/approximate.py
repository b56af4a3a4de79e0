"""What approximate indexes share: an engine proposes candidates, exact scores of the vectors it holds rank them.

So equal vectors tie exactly whatever the engine, and the border of what it proposes is searched until it is clear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.search.exact import ROUNDING, Candidates, exact, gathered
from harness.search.similarity import Documents, Similarity, prepared

BLOCK = 64
"""Queries that are searched together."""
SPARE = 64
"""Candidates asked for beyond the depth, so that the border is nearly always clear at once."""
SLACK = 16
"""How many times the rounding error of one product the engines' sums, from tables and residuals, may err."""

Ask = Callable[[np.ndarray, int], Candidates]
"""Queries float32[n, dimensions] and a number of candidates to the best of them, best first."""


class Stored:
    """Vectors that an engine holds, read by row as an array is: what `neighbours.exact` wants of them."""

    dtype = np.dtype(np.float32)

    def __init__(self, fetch: Callable[[np.ndarray], np.ndarray], count: int, dimensions: int) -> None:
        self.fetch, self.shape = fetch, (count, dimensions)

    def __len__(self) -> int:
        """Count the vectors."""
        return self.shape[0]

    def __getitem__(self, documents: np.ndarray) -> np.ndarray:
        """Return float32[*documents.shape, dimensions]; an empty place gets some vector."""
        found = self.fetch(documents.ravel().clip(0).astype(np.int64))
        return np.asarray(found, np.float32).reshape(*documents.shape, self.shape[1])


def stored(fetch: Callable[[np.ndarray], np.ndarray], count: int, dimensions: int, similarity: Similarity) -> Documents:
    """Return documents whose vectors an engine holds."""
    vectors: Any = Stored(fetch, count, dimensions)
    return Documents(vectors, np.empty(0), similarity)


def accepted(word: str, vectors: Vectors, similarity: Similarity) -> np.ndarray:
    """Return document vectors as the similarity wants them; UserError, with the row, if one is not finite."""
    array = prepared(vectors.array, similarity)
    whole = np.isfinite(array).all(axis=1)
    if not whole.all():
        raise UserError(f"{word}: the vector of document row {vectors.rows[int(np.argmin(whole))]} is not finite")
    return array


def asked(word: str, queries: Vectors, width: int, similarity: Similarity) -> np.ndarray:
    """Return query vectors as the similarity wants them; UserError if they do not fit or are not finite."""
    if queries.array.shape[1] != width:
        raise UserError(f"{word}: queries of {queries.array.shape[1]} dimensions meet documents of {width}")
    array = prepared(queries.array, similarity)
    if not np.isfinite(array).all():
        raise UserError(f"{word}: the vector of a query is not finite")
    return array


def by_block(queries: np.ndarray, rows: range, most: int, answer: Callable[[np.ndarray, range], Run]) -> Run:
    """Answer some queries at a time; where there are none, or `most` documents are none, there is nothing to find."""
    if not len(queries) or not most:
        return Run(np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.float32), rows)
    starts = range(0, len(queries), BLOCK)
    return Run.join([answer(queries[start : start + BLOCK], rows[start : start + BLOCK]) for start in starts])


def rank(documents: Documents, queries: np.ndarray, pool: Candidates, depth: int, rows: range) -> Run:
    """Keep the best candidates by exact score, in canonical order."""
    run = exact(documents, queries, pool)
    return Run.top(run.scores, depth, documents=run.documents, rows=rows)


def slack(queries: np.ndarray, longest: float, similarity: Similarity) -> np.ndarray:
    """Return by how much two closenesses of an engine may differ that are equal in truth, float32[queries]."""
    lengths = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
    scale = (lengths + longest) ** 2 if similarity == "euclidean" else lengths * longest
    found: np.ndarray = (2 * SLACK * ROUNDING * (queries.shape[1] + 8) * scale).astype(np.float32)
    return found


def settled(ask: Ask, queries: np.ndarray, depth: int, margin: np.ndarray, most: int) -> Candidates:
    """Ask for more until no document that was not proposed can belong among the first `depth` by exact score.

    That is so for a query once the last candidate lies further than `margin` below place `depth`, or there are no more.
    Only queries whose border is not clear are asked again, so no query reaches the answer of another.
    """
    wanted = min(depth + SPARE, most)
    pool = ask(queries, wanted)
    rows = np.arange(len(queries))
    while True:
        border = pool.products[rows, min(depth, wanted) - 1] - margin[rows]
        unclear = (pool.products[rows, -1] >= border) & (pool.documents[rows, -1] != NONE)
        rows = rows[unclear]
        if wanted == most or not len(rows):
            return pool
        wanted = min(4 * wanted, most)
        deeper = ask(queries[rows], wanted)
        pool = _widened(pool, wanted)
        pool.documents[rows], pool.products[rows] = deeper


def _widened(pool: Candidates, width: int) -> Candidates:
    more = ((0, 0), (0, width - pool.width))
    documents = np.pad(pool.documents, more, constant_values=NONE)
    return Candidates(documents, np.pad(pool.products, more, constant_values=-np.inf))


class Distinct(NamedTuple):
    """Vectors, each once: what a graph can hold without falling apart into islands of duplicates.

    `vectors` float32[distinct, dimensions] in the order of their first document; the documents of vector i are
    `members[starts[i]:starts[i + 1]]`, ascending.
    """

    vectors: np.ndarray
    starts: np.ndarray
    members: np.ndarray


def distinct(array: np.ndarray) -> Distinct:
    """Find vectors whose coordinates are all equal."""
    if not array.size:
        return Distinct(array, np.arange(len(array) + 1, dtype=np.int64), np.arange(len(array), dtype=np.int32))
    array = array + np.float32(0)  # -0.0 is 0.0
    whole = array.view(np.dtype((np.void, array.itemsize * array.shape[1]))).ravel()
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    groups = place[inverse.ravel()]
    starts = np.concatenate([[0], np.cumsum(np.bincount(groups))]).astype(np.int64)
    return Distinct(array[first[order]], starts, np.argsort(groups, kind="stable").astype(np.int32))


def expanded(pool: Candidates, found: Distinct, depth: int) -> Candidates:
    """Put the documents of each vector in its place: no more than `depth`, those that rank first among equals."""
    sizes = np.minimum(np.diff(found.starts), depth)
    rows, columns = np.nonzero(pool.documents != NONE)
    groups = pool.documents[rows, columns]
    times = sizes[groups]
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    documents = found.members[np.repeat(found.starts[groups + 1], times) - 1 - within]
    products = np.repeat(pool.products[rows, columns], times)
    return gathered(len(pool.documents), 0, np.repeat(rows, times), documents, products)
