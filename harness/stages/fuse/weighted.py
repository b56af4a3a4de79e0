"""Weighted sum of scores, after the scores of each run are brought to a common scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.stage import Fuser, Runtime
from harness.stages.fuse.base import Totals, add_up, best, weights_of

Normalization = Literal["minmax", "minmax-inverted", "max", "sum", "zscore", "dbsf", "rank", "borda", "none"]
TINY = 1e-9
"""The smallest divisor of scores, so that equal scores become 0, as in ranx."""


class Weighted(Fuser):
    """Sums the weighted, normalised scores of a document over the runs that contain it.

    The scores of each query in each run are scaled by their own distribution, or replaced by values that depend on the
    rank (`rank`, `borda`). `dbsf` is Qdrant's distribution-based score fusion; all others are normalisations of ranx,
    fused as by its method "wsum", where `minmax` is called "min-max" and `zscore` "zmuv" (Bassani and Romelli 2022,
    doi 10.1145/3511808.3557207). A document missing from a run gets 0 from it, which treats it like an average document
    with `zscore` and like the last retrieved one with `minmax`; only `borda` gives it a share of its own, the mean of
    the points that the run has left.
    """

    weights: tuple[float, ...] | None = None
    """The weight of each run, in the order of `of`; 1 each by default."""
    normalization: Normalization = "minmax"
    """How the scores of each run for a query are brought to a common scale."""

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run per fused system."""

        def call(*runs: Run) -> Run:
            return best(self.totals(*runs), self.depth, runs[0].rows)

        return call

    def totals(self, *runs: Run) -> Totals:
        """Return the sums in float64, before the run rounds them. Raises UserError as `weights_of` does."""
        weights = weights_of(self.weights, runs, self.word())
        if self.normalization != "borda":
            parts = [weight * scaled(run, self.normalization) for run, weight in zip(runs, weights, strict=True)]
            return add_up(runs, parts)
        candidates = _counts(add_up(runs, [np.zeros(run.documents.shape) for run in runs]).documents)
        missing = [0.5 - (_counts(run.documents, least=0) - 1) / (2 * candidates) for run in runs]
        parts = [
            weight * np.where(run.documents == NONE, 0, _points(run, candidates) - share)
            for run, weight, share in zip(runs, weights, missing, strict=True)
        ]
        base = sum(weight * share for weight, share in zip(weights, missing, strict=True))
        return add_up(runs, parts, base)


def scaled(run: Run, normalization: Normalization) -> np.ndarray:
    """Return the scores of a run on a common scale, float64[queries, depth]; 0 in empty places.

    minmax: (s - min) / (max - min); minmax-inverted: (max - s) / (max - min). max: s / max. sum: (s - min) / the sum of
    all (s - min). zscore: (s - mean) / standard deviation. dbsf: 0.5 + (s - mean) / (6 * sample standard deviation), or
    0.5 if all scores are equal. rank: 1 - (rank - 1) / number of documents. `borda` depends on all runs and is not
    computed here.
    """
    filled = run.documents != NONE
    scores: np.ndarray = np.where(filled, run.scores, 0).astype(np.float64)
    if normalization == "none" or not scores.shape[1]:
        return scores
    if normalization == "rank":
        return np.where(filled, _points(run, _counts(run.documents)), 0)
    return np.where(filled, SCALES[normalization](scores, filled), 0)


def _counts(documents: np.ndarray, least: int = 1) -> np.ndarray:
    """Return the number of documents of each query, at least `least`: [queries, 1]."""
    return np.asarray(np.maximum((documents != NONE).sum(axis=1, keepdims=True), least))


def _points(run: Run, count: np.ndarray) -> np.ndarray:
    return np.asarray(1 - np.arange(run.documents.shape[1]) / count)


Scale: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function from scores and a mask of the places that contain a document to scaled scores."""


def _low(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    low = scores.min(axis=1, keepdims=True, where=filled, initial=np.inf)
    return np.where(np.isfinite(low), low, 0)


def _high(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    high = scores.max(axis=1, keepdims=True, where=filled, initial=-np.inf)
    return np.where(np.isfinite(high), high, 0)


def _minmax(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    low = _low(scores, filled)
    return np.asarray((scores - low) / np.maximum(_high(scores, filled) - low, TINY))


def _inverted(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    high = _high(scores, filled)
    return np.asarray((high - scores) / np.maximum(high - _low(scores, filled), TINY))


def _max(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    return np.asarray(scores / np.maximum(_high(scores, filled), TINY))


def _sum(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    above = np.where(filled, scores - _low(scores, filled), 0)
    return np.asarray(above / np.maximum(above.sum(axis=1, keepdims=True), TINY))


def _offsets(scores: np.ndarray, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the differences from the mean, the sums of their squares, and the numbers of documents."""
    count = np.maximum(filled.sum(axis=1, keepdims=True), 1)
    offset = np.where(filled, scores - scores.sum(axis=1, keepdims=True) / count, 0)
    return offset, (offset * offset).sum(axis=1, keepdims=True), count


def _zscore(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    offset, squares, count = _offsets(scores, filled)
    return np.asarray(offset / np.maximum(np.sqrt(squares / count), TINY))


def _dbsf(scores: np.ndarray, filled: np.ndarray) -> np.ndarray:
    offset, squares, count = _offsets(scores, filled)
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.asarray(0.5 + offset / (6 * np.where(deviation > 0, deviation, np.inf)))


SCALES: Mapping[str, Scale] = {
    "minmax": _minmax,
    "minmax-inverted": _inverted,
    "max": _max,
    "sum": _sum,
    "zscore": _zscore,
    "dbsf": _dbsf,
}
