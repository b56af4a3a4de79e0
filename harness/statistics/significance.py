"""Tests of differences between systems: paired randomisation, and Holm's correction."""

from __future__ import annotations

import numpy as np

from harness.statistics.bootstrap import _blocks, _differences, _weighted

SLACK = 1e-12
"""Two sums of the same values in another order count as equal, relative to the sum of their magnitudes."""


def randomisation_p(a: np.ndarray, b: np.ndarray, resamples: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value of Fisher's paired randomisation test for the mean of a - b.

    It is (extreme + 1) / (resamples + 1), which is never 0, with the signs of the differences drawn at random; a
    sum equal to the observed one but for rounding counts as extreme. Identical arrays, or no common query, give 1.
    Source: Smucker, Allan and Carterette 2007; Davison and Hinkley 1997, section 4.3, for the + 1. Raises ValueError
    for arrays of different lengths.
    """
    differences = _differences(a, b)
    differences = differences[~np.isnan(differences)]
    n = max(1, len(differences))
    least = abs(differences.sum()) - SLACK * np.abs(differences).sum()
    generator = np.random.default_rng(seed)
    extreme = 0
    for size in _blocks(n, resamples):
        signs = generator.integers(0, 2, (size, len(differences)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(_weighted(differences[None, :], signs)) >= least).sum())
    return (extreme + 1) / (resamples + 1)


def holm(pvalues: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, by Holm's step-down rule; compare them with the level as usual.

    Source: Holm 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(pvalues, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted
