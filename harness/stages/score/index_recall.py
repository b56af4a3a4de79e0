"""Score an approximate search against the exact one over the same vectors: what the index misses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import NONE, Run
from harness.artifacts.scores import Scores
from harness.stage import Comparison, Runtime


class IndexRecall(Comparison):
    """The share of the first `k` documents of the exact search that are among the first `k` of the approximate one.

    Aumüller, Bernhardsson and Faithfull 2020, "ANN-Benchmarks", but by document and not by distance: both searches
    break ties alike. Where exact search finds fewer than `k`, the share is of those; where it finds none, it is 1.
    It knows no judgements, so it says nothing of the quality of the answers.
    """

    k: int = Field(ge=1)

    def open(self, runtime: Runtime, ideal: Run) -> Callable[[Run], Scores]:
        """Hold the exact run; the call scores a Run, whose `rows` are rows of it."""

        def score(run: Run) -> Scores:
            wanted = np.asarray(ideal.documents[run.rows.start : run.rows.stop, : self.k])
            found = np.asarray(run.documents[:, : self.k])
            there = (wanted[:, :, None] == found[:, None, :]).any(axis=2) & (wanted != NONE)
            size = (wanted != NONE).sum(axis=1)
            return Scores(np.where(size > 0, there.sum(axis=1) / np.maximum(size, 1), 1.0), run.rows)

        return score
