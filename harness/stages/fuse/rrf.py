"""Reciprocal rank fusion: a document's place in each run decides, never its score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import NONE, Run
from harness.stage import Fuser, Runtime
from harness.stages.fuse.base import Totals, add_up, best, weights_of


class Rrf(Fuser):
    """Sum 1 / (k + place) over the runs that hold a document; Cormack et al. 2009, doi 10.1145/1571941.1572114.

    Places count from 1 in canonical order. A run that lacks a document gives it nothing.
    """

    k: float = Field(default=60, ge=0)
    weights: tuple[float, ...] | None = None
    """Multiply each run's part; one a run, in the order of `of`."""

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run a chain."""

        def call(*runs: Run) -> Run:
            return best(self.totals(*runs), self.depth, runs[0].rows)

        return call

    def totals(self, *runs: Run) -> Totals:
        """Return the sums in float64, before the run rounds them. Raises UserError where runs do not fit together."""
        weights = weights_of(self.weights, runs, self.word())
        return add_up(runs, [self._share(run, weight) for run, weight in zip(runs, weights, strict=True)])

    def _share(self, run: Run, weight: float) -> np.ndarray:
        share = weight * (1 / (self.k + np.arange(1, run.documents.shape[1] + 1)))
        return np.where(run.documents == NONE, 0.0, share)
