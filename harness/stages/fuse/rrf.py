"""Reciprocal rank fusion, which uses the ranks of documents and ignores their scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import NONE, Run
from harness.stage import Fuser, Runtime
from harness.stages.fuse.base import Totals, add_up, best, weights_of


class Rrf(Fuser):
    """Sums 1 / (k + rank) over the runs that contain a document (reciprocal rank fusion, Cormack et al. 2009).

    doi 10.1145/1571941.1572114. Ranks count from 1 in canonical order. A run adds nothing to the documents that it does
    not contain.
    """

    k: float = Field(default=60, ge=0)
    """The constant added to each rank; the larger it is, the less the top ranks dominate."""
    weights: tuple[float, ...] | None = None
    """The weight of each run, in the order of `of`; 1 each by default."""

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run per fused system."""

        def call(*runs: Run) -> Run:
            return best(self.totals(*runs), self.depth, runs[0].rows)

        return call

    def totals(self, *runs: Run) -> Totals:
        """Return the sums in float64, before the run rounds them. Raises UserError as `weights_of` does."""
        weights = weights_of(self.weights, runs, self.word())
        return add_up(runs, [self._share(run, weight) for run, weight in zip(runs, weights, strict=True)])

    def _share(self, run: Run, weight: float) -> np.ndarray:
        share = weight * (1 / (self.k + np.arange(1, run.documents.shape[1] + 1)))
        return np.where(run.documents == NONE, 0.0, share)
