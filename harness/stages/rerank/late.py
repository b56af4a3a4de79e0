"""Late interaction as a second stage: the documents that a search found, in the order of MaxSim."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from harness.artifacts.run import Run
from harness.artifacts.token_vectors import TokenVectors
from harness.search.maxsim import MaxSim
from harness.stage import Rescorer, Runtime


class LateRescorer(Rescorer):
    """Order the first `depth` documents of each query by MaxSim of token vectors (`harness.maxsim`)."""

    encoder: ClassVar[str] = "encode/late"

    def open(self, runtime: Runtime, documents: TokenVectors, queries: TokenVectors) -> Callable[[Run], Run]:
        """Map the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""
        maxsim = MaxSim(documents, runtime.device, runtime.bill.halve)

        def rerank(run: Run) -> Run:
            candidates = run.documents[:, : self.depth]
            scores = maxsim.some(queries.take(slice(run.rows.start, run.rows.stop)), candidates)
            return run.led_by(Run.top(scores, self.depth, documents=candidates, rows=run.rows))

        return rerank
