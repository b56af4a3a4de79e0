"""Sparse vectors in an inverted index, searched exactly; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.sparse_vectors import SparseVectors
from harness.errors import UserError
from harness.search.postings import WeightedQueries
from harness.stage import Indexer, Runtime
from harness.stages.index.base import PostingsSearcher


class InvertedIndexer(Indexer):
    """Turn the rows over: for each dimension the documents in which it is not zero, and its weight there."""

    takes: ClassVar = (SparseVectors,)

    def open(self, runtime: Runtime) -> Callable[[SparseVectors], Index]:
        """The call turns all rows over; UserError if a weight is not finite."""

        def index(vectors: SparseVectors) -> Index:
            bad = np.flatnonzero(~np.isfinite(vectors.weights))
            if len(bad):
                row = int(np.searchsorted(vectors.starts, bad[0], side="right")) - 1
                raise UserError(f"{self.word()}: the vector of document row {vectors.rows[row]} is not finite")
            turned = vectors.matrix().tocsc()
            arrays = {
                "starts": turned.indptr.astype(np.int64),
                "documents": turned.indices.astype(np.int32, copy=False),
                "weights": turned.data,
            }
            return Index(arrays, {"documents": len(vectors), "dimensions": vectors.width})

        return index


class InvertedSearcher(PostingsSearcher):
    """Rank by the dot product, exactly: no list of a query's dimensions is cut short.

    Documents that share no dimension with the query, or whose product is not above 0, are not found.
    """

    takes: ClassVar = (SparseVectors,)

    def reader(self, index: Index) -> Callable[[SparseVectors], WeightedQueries]:
        """The call takes the dimensions of the queries; UserError where they are not those of the documents."""
        expected = index.facts["dimensions"]

        def read(queries: SparseVectors) -> WeightedQueries:
            if queries.width != expected:
                raise UserError(f"{self.word()}: queries of {queries.width} dimensions meet documents of {expected}")
            if not np.isfinite(queries.weights).all():
                raise UserError(f"{self.word()}: the vector of a query is not finite")
            return WeightedQueries(queries.starts, queries.dimensions, queries.weights)

        return read
