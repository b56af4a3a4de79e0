"""Exact search over all documents by MaxSim of their token vectors: indexer and searcher.

`harness.search.maxsim` computes the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.token_vectors import TokenVectors
from harness.errors import UserError
from harness.search.maxsim import MaxSim
from harness.stage import Indexer, Runtime, Searcher

SCORES = 33_554_432
"""The number of scores in memory at a time, 128 MiB."""


class LateIndexer(Indexer):
    """Keeps the token vectors of all documents, for an exact search by MaxSim."""

    takes: ClassVar = (TokenVectors,)

    def open(self, runtime: Runtime) -> Callable[[TokenVectors], Index]:
        """The call writes the vectors, float16, without loading all of them into memory."""

        def index(vectors: TokenVectors) -> Index:
            return Index({"vectors": vectors.array, "starts": vectors.starts}, {})

        return index


class LateSearcher(Searcher):
    """Ranks all documents by MaxSim, the sum over query tokens of the best match among the document's tokens.

    Every query is compared with every document, so it suits small corpora; `rerank: late` suits any.
    """

    takes: ClassVar = (TokenVectors,)

    def open(self, runtime: Runtime, index: Index) -> Callable[[TokenVectors], Run]:
        """Map the index; the call searches with TokenVectors. Raises UserError if the dimensions differ."""
        documents = TokenVectors(index.arrays["vectors"], np.asarray(index.arrays["starts"]))
        maxsim = MaxSim(documents, runtime.device, runtime.bill.halve)
        step = max(1, SCORES // max(len(documents), 1))

        def search(queries: TokenVectors) -> Run:
            dimensions, expected = queries.array.shape[1], documents.array.shape[1]
            if dimensions != expected:
                raise UserError(
                    f"{self.word()}: the queries have {dimensions} dimensions, but the documents {expected}"
                )
            parts = [queries.take(slice(at, at + step)) for at in range(0, max(len(queries), 1), step)]
            return Run.join([Run.top(maxsim.every(part), self.depth, rows=part.rows) for part in parts])

        return search
