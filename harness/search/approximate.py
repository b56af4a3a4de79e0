"""What approximate indexes share: an engine proposes candidates, and exact scores of the stored vectors rank them.

Equal vectors therefore tie exactly with every engine, and candidates are requested until no tie is cut off by chance.
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
"""The number of queries that are searched together."""
SPARE = 64
"""The number of candidates requested beyond the depth, so that one request nearly always suffices."""
SLACK = 16
"""How many times the rounding error of one product the engines may err, which sum from tables and residuals."""

FindCandidates = Callable[[np.ndarray, int], Candidates]
"""Returns the best candidates, best first, for queries float32[n, dimensions] and a number of candidates."""


class StoredVectors:
    """Vectors inside an engine that are read by row like an array, as `exact.exact` needs them."""

    dtype = np.dtype(np.float32)

    def __init__(self, fetch: Callable[[np.ndarray], np.ndarray], count: int, dimensions: int) -> None:
        """`fetch` returns the vectors of int64[rows] as float32[rows, dimensions]."""
        self.fetch, self.shape = fetch, (count, dimensions)

    def __len__(self) -> int:
        """Count the vectors."""
        return self.shape[0]

    def __getitem__(self, documents: np.ndarray) -> np.ndarray:
        """Return float32[*documents.shape, dimensions]; the vector in an empty place is arbitrary."""
        vectors = self.fetch(documents.ravel().clip(0).astype(np.int64))
        return np.asarray(vectors, np.float32).reshape(*documents.shape, self.shape[1])


def stored_documents(
    fetch: Callable[[np.ndarray], np.ndarray], count: int, dimensions: int, similarity: Similarity
) -> Documents:
    """Return documents whose vectors are inside an engine; see `StoredVectors`."""
    vectors: Any = StoredVectors(fetch, count, dimensions)
    return Documents(vectors, np.empty(0), similarity)


def document_vectors(word: str, vectors: Vectors, similarity: Similarity) -> np.ndarray:
    """Return document vectors prepared for the similarity. Raises UserError, with the row, if one is not finite."""
    array = prepared(vectors.array, similarity)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise UserError(f"{word}: the vector of document row {vectors.rows[int(np.argmin(finite))]} is not finite")
    return array


def query_vectors(word: str, queries: Vectors, width: int, similarity: Similarity) -> np.ndarray:
    """Return query vectors prepared for the similarity.

    Raises UserError if their dimensions differ from `width`, the documents', or if one is not finite.
    """
    if queries.array.shape[1] != width:
        raise UserError(f"{word}: the queries have {queries.array.shape[1]} dimensions, but the documents {width}")
    array = prepared(queries.array, similarity)
    if not np.isfinite(array).all():
        raise UserError(f"{word}: the vector of a query is not finite")
    return array


def search_in_blocks(queries: np.ndarray, rows: range, most: int, answer: Callable[[np.ndarray, range], Run]) -> Run:
    """Answer queries block by block; without queries, or if `most` documents are 0, return an empty run."""
    if not len(queries) or not most:
        return Run(np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.float32), rows)
    starts = range(0, len(queries), BLOCK)
    return Run.join([answer(queries[start : start + BLOCK], rows[start : start + BLOCK]) for start in starts])


def rank(documents: Documents, queries: np.ndarray, pool: Candidates, depth: int, rows: range) -> Run:
    """Return the `depth` best candidates by exact score, in canonical order."""
    run = exact(documents, queries, pool)
    return Run.top(run.scores, depth, documents=run.documents, rows=rows)


def slack(queries: np.ndarray, longest: float, similarity: Similarity) -> np.ndarray:
    """Return by how much an engine's products of two equally close documents may differ, float32[queries]."""
    lengths = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
    scale = (lengths + longest) ** 2 if similarity == "euclidean" else lengths * longest
    bound: np.ndarray = (2 * SLACK * ROUNDING * (queries.shape[1] + 8) * scale).astype(np.float32)
    return bound


def find_enough(find: FindCandidates, queries: np.ndarray, depth: int, margin: np.ndarray, most: int) -> Candidates:
    """Request candidates until no other document can be among the first `depth` by exact score.

    That holds for a query once its last candidate is more than `margin` below the one at place `depth`, or all `most`
    documents are candidates. Only queries for which it does not hold are requested again, so the answer to a query does
    not depend on the others.
    """
    count = min(depth + SPARE, most)
    pool = find(queries, count)
    rows = np.arange(len(queries))
    while True:
        border = pool.products[rows, min(depth, count) - 1] - margin[rows]
        unclear = (pool.products[rows, -1] >= border) & (pool.documents[rows, -1] != NONE)
        rows = rows[unclear]
        if count == most or not len(rows):
            return pool
        count = min(4 * count, most)
        deeper = find(queries[rows], count)
        pool = _widened(pool, count)
        pool.documents[rows], pool.products[rows] = deeper


def _widened(pool: Candidates, width: int) -> Candidates:
    padding = ((0, 0), (0, width - pool.width))
    documents = np.pad(pool.documents, padding, constant_values=NONE)
    return Candidates(documents, np.pad(pool.products, padding, constant_values=-np.inf))


class Distinct(NamedTuple):
    """The distinct vectors of documents: a graph of duplicates would fall apart into islands.

    `vectors` float32[distinct, dimensions] are in the order of their first document; the documents of vector i are
    `members[starts[i]:starts[i + 1]]`, ascending.
    """

    vectors: np.ndarray
    starts: np.ndarray
    members: np.ndarray


def distinct(array: np.ndarray) -> Distinct:
    """Group the rows of float32[documents, dimensions] by equal vectors."""
    if not array.size:
        return Distinct(array, np.arange(len(array) + 1, dtype=np.int64), np.arange(len(array), dtype=np.int32))
    array = array + np.float32(0)  # -0.0 becomes 0.0
    keys = array.view(np.dtype((np.void, array.itemsize * array.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    groups = place[inverse.ravel()]
    starts = np.concatenate([[0], np.cumsum(np.bincount(groups))]).astype(np.int64)
    return Distinct(array[first[order]], starts, np.argsort(groups, kind="stable").astype(np.int32))


def expand_duplicates(pool: Candidates, groups: Distinct, depth: int) -> Candidates:
    """Replace each vector by its documents: at most `depth`, those that rank first among equals."""
    sizes = np.minimum(np.diff(groups.starts), depth)
    rows, columns = np.nonzero(pool.documents != NONE)
    vectors = pool.documents[rows, columns]
    times = sizes[vectors]
    within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    documents = groups.members[np.repeat(groups.starts[vectors + 1], times) - 1 - within]
    products = np.repeat(pool.products[rows, columns], times)
    return gathered(len(pool.documents), 0, np.repeat(rows, times), documents, products)
