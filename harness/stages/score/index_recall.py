"""Scoring an approximate search against the exact search over the same vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import NONE, Run
from harness.artifacts.scores import Scores
from harness.stage import Comparison, Runtime


class IndexRecall(Comparison):
    """Computes the share of the first `k` documents of an exact search that the approximate search returns.

    The first `k` of both are compared, as in ANN-Benchmarks (Aumüller, Bernhardsson and Faithfull 2020), but by
    document and not by distance, because both searches break ties in the same way. If the exact search returns fewer
    than `k` documents, the share is of these; if it returns none, the value is 1. No judgements are used, so it does
    not measure the quality of the results.
    """

    k: int = Field(ge=1)
    """The number of documents that are compared."""

    def open(self, runtime: Runtime, ideal: Run) -> Callable[[Run], Scores]:
        """Keep the exact run; the call scores a Run, whose `rows` are rows of `ideal`."""

        def score(run: Run) -> Scores:
            exact = np.asarray(ideal.documents[run.rows.start : run.rows.stop, : self.k])
            approximate = np.asarray(run.documents[:, : self.k])
            common = (exact[:, :, None] == approximate[:, None, :]).any(axis=2) & (exact != NONE)
            size = (exact != NONE).sum(axis=1)
            return Scores(np.where(size > 0, common.sum(axis=1) / np.maximum(size, 1), 1.0), run.rows)

        return score
