"""Reranking by dense vectors: two-stage retrieval, or rescoring of a reduced or approximate search."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.search.exact import rescored
from harness.search.similarity import Similarity
from harness.stage import Rescorer, Runtime


class DenseRescorer(Rescorer):
    """Reorders documents by the exact similarity of full dense vectors, as `index: flat` computes it.

    After an approximate or reduced index this is rescoring with full vectors (for binary codes: Yamada et al. 2021,
    https://arxiv.org/abs/2106.00882); after a lexical one it is two-stage retrieval. Only the vectors of the candidates
    are read.
    """

    encoder: ClassVar[str] = "encode/dense"
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""

    def open(self, runtime: Runtime, documents: Vectors, queries: Vectors) -> Callable[[Run], Run]:
        """Map the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""

        def rerank(run: Run) -> Run:
            query_vectors = queries.array[run.rows.start : run.rows.stop]
            candidates = run.documents[:, : self.depth]
            head = rescored(documents.array, query_vectors, candidates, self.similarity)
            return run.led_by(Run(head.documents, head.scores, run.rows))

        return rerank
