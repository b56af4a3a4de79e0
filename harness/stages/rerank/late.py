"""Reranking by late interaction, the MaxSim of token vectors that `harness.search.maxsim` computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from harness.artifacts.run import Run
from harness.artifacts.token_vectors import TokenVectors
from harness.search.maxsim import MaxSim
from harness.stage import Rescorer, Runtime


class LateRescorer(Rescorer):
    """Reorders documents by MaxSim of token vectors (ColBERT, Khattab and Zaharia 2020).

    arXiv 2004.12832. MaxSim is the sum over query tokens of the best match among the document's tokens.
    """

    encoder: ClassVar[str] = "encode/late"

    def open(self, runtime: Runtime, documents: TokenVectors, queries: TokenVectors) -> Callable[[Run], Run]:
        """Map the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""
        maxsim = MaxSim(documents, runtime.device, runtime.bill.halve)

        def rerank(run: Run) -> Run:
            candidates = run.documents[:, : self.depth]
            scores = maxsim.some(queries.take(slice(run.rows.start, run.rows.stop)), candidates)
            return run.led_by(Run.top(scores, self.depth, documents=candidates, rows=run.rows))

        return rerank
