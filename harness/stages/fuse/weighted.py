"""Weighted sum of scores, after those of each run are brought to a common scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.fusion import fuse, weights_of
from harness.stage import Fuser, Runtime

Normalization = Literal["minmax", "zscore", "dbsf", "none"]
TINY = 1e-9
"""The least width that scores are divided by, so that equal scores give 0 (as ranx does)."""


class Weighted(Fuser):
    """Sum `weight * scaled score` over the runs that hold a document; a run that lacks it gives it 0.

    Each query of each run is scaled by the scores found for it. `minmax` and `zscore` are ranx's "min-max" and "zmuv"
    with method "wsum"; `dbsf` is Qdrant's distribution-based score fusion. With `zscore` a missing document is thus
    treated as an average one, with `minmax` as the last one found.
    """

    weights: tuple[float, ...] | None = None
    """One a run, in the order of `of`; 1 each by default."""
    normalization: Normalization = "minmax"

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run a chain."""

        def call(*runs: Run) -> Run:
            weights = weights_of(self.weights, runs, self.word())
            shares = [weight * scaled(run, self.normalization) for run, weight in zip(runs, weights, strict=True)]
            return fuse(runs, shares, self.depth)

        return call


def scaled(run: Run, normalization: Normalization) -> np.ndarray:
    """Return the scores of a run on a common scale, float64[queries, depth]; 0 where nothing was found.

    minmax: (s - min) / (max - min). zscore: (s - mean) / deviation. dbsf: where s lies between three deviations (of a
    sample) below and above the mean, 0.5 where all scores are equal.
    """
    found = run.documents != NONE
    scores: np.ndarray = np.where(found, run.scores, 0).astype(np.float64)
    if normalization == "none" or not scores.shape[1]:
        return scores
    count = np.maximum(found.sum(axis=1, keepdims=True), 1)
    if normalization == "minmax":
        low = scores.min(axis=1, keepdims=True, where=found, initial=np.inf)
        high = scores.max(axis=1, keepdims=True, where=found, initial=-np.inf)
        result = (scores - np.where(found, low, 0)) / np.maximum(high - low, TINY)
        return np.where(found, result, 0)
    offset = np.where(found, scores - scores.sum(axis=1, keepdims=True) / count, 0)
    squares = (offset * offset).sum(axis=1, keepdims=True)
    if normalization == "zscore":
        return np.asarray(offset / np.maximum(np.sqrt(squares / count), TINY))
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    flat = np.where(deviation > 0, deviation, np.inf)
    return np.where(found, 0.5 + offset / (6 * flat), 0)
