"""Exact late interaction over all documents: the vectors of their tokens, and MaxSim; indexer and searcher."""

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
"""Scores that are held at a time, 128 MiB of them."""


class LateIndexer(Indexer):
    """Keep the vectors of all tokens as they are, in float16."""

    takes: ClassVar = (TokenVectors,)

    def open(self, runtime: Runtime) -> Callable[[TokenVectors], Index]:
        """The call keeps the vectors; they are never in memory together."""

        def index(vectors: TokenVectors) -> Index:
            return Index({"vectors": vectors.array, "starts": vectors.starts}, {})

        return index


class LateSearcher(Searcher):
    """Rank all documents by MaxSim: each query token's best document token, added up (`harness.maxsim`).

    Every query meets every document, so it is for small corpora; `rerank: late` is for any.
    """

    takes: ClassVar = (TokenVectors,)

    def open(self, runtime: Runtime, index: Index) -> Callable[[TokenVectors], Run]:
        """Map the index; the call answers TokenVectors."""
        documents = TokenVectors(index.arrays["vectors"], np.asarray(index.arrays["starts"]))
        maxsim = MaxSim(documents, runtime.device, runtime.bill.halve)
        step = max(1, SCORES // max(len(documents), 1))

        def search(queries: TokenVectors) -> Run:
            found, width = queries.array.shape[1], documents.array.shape[1]
            if found != width:
                raise UserError(f"{self.word()}: queries of {found} dimensions meet documents of {width}")
            parts = [queries.take(slice(at, at + step)) for at in range(0, max(len(queries), 1), step)]
            return Run.join([Run.top(maxsim.every(part), self.depth, rows=part.rows) for part in parts])

        return search
