"""Exact search over sparse vectors in an inverted index: indexer and searcher.

`harness.search.postings` sums the weights.
"""

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
    """Lists for each dimension the documents in which it is not zero, for an exact search of sparse vectors."""

    takes: ClassVar = (SparseVectors,)

    def open(self, runtime: Runtime) -> Callable[[SparseVectors], Index]:
        """The call transposes the vectors into posting lists. Raises UserError if a weight is not finite."""

        def index(vectors: SparseVectors) -> Index:
            bad = np.flatnonzero(~np.isfinite(vectors.weights))
            if len(bad):
                row = int(np.searchsorted(vectors.starts, bad[0], side="right")) - 1
                raise UserError(f"{self.word()}: the vector of document row {vectors.rows[row]} is not finite")
            columns = vectors.matrix().tocsc()
            arrays = {
                "starts": columns.indptr.astype(np.int64),
                "documents": columns.indices.astype(np.int32, copy=False),
                "weights": columns.data,
            }
            return Index(arrays, {"documents": len(vectors), "dimensions": vectors.width})

        return index


class InvertedSearcher(PostingsSearcher):
    """Ranks documents by the exact dot product; posting lists are always read to the end.

    Documents that share no dimension with the query, or whose product is not above 0, are not retrieved.
    """

    takes: ClassVar = (SparseVectors,)

    def reader(self, index: Index) -> Callable[[SparseVectors], WeightedQueries]:
        """The call takes the dimensions and weights of the queries.

        It raises UserError if the number of dimensions is not that of the documents, or if a weight is not finite.
        """
        expected = index.facts["dimensions"]

        def read(queries: SparseVectors) -> WeightedQueries:
            if queries.width != expected:
                raise UserError(
                    f"{self.word()}: the queries have {queries.width} dimensions, but the documents {expected}"
                )
            if not np.isfinite(queries.weights).all():
                raise UserError(f"{self.word()}: the vector of a query is not finite")
            return WeightedQueries(queries.starts, queries.dimensions, queries.weights)

        return read
