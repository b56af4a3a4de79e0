"""Two-stage retrieval: the documents that a search found, in the order of dense vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.search.exact import rescored
from harness.search.similarity import Similarity
from harness.stage import Rescorer, Runtime


class DenseRescorer(Rescorer):
    """Order the first `depth` documents of each query by the exact scores that `index: flat` gives them.

    After an approximate or reduced index it is rescoring from the full vectors (Yamada et al. 2021,
    https://arxiv.org/abs/2106.00882, of binary codes); after a lexical one it is two-stage retrieval. It reads the
    vectors of the candidates alone.
    """

    encoder: ClassVar[str] = "encode/dense"
    similarity: Similarity = "cosine"

    def open(self, runtime: Runtime, documents: Vectors, queries: Vectors) -> Callable[[Run], Run]:
        """Map the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""

        def rerank(run: Run) -> Run:
            asked = queries.array[run.rows.start : run.rows.stop]
            candidates = run.documents[:, : self.depth]
            head = rescored(documents.array, asked, candidates, self.similarity)
            return run.led_by(Run(head.documents, head.scores, run.rows))

        return rerank
