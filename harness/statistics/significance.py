"""Tests of differences between systems: the paired randomisation test, and Holm's correction."""

from __future__ import annotations

import numpy as np

from harness.statistics.bootstrap import differences
from harness.statistics.resampling import batches, weighted_sums

SLACK = 1e-12
"""The rounding error up to which two sums of the same values count as equal, relative to the sum of magnitudes."""


def randomisation_p(a: np.ndarray, b: np.ndarray, resamples: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value of Fisher's paired randomisation test for the mean of a - b, float[queries] each.

    The signs of the differences are drawn at random, and the p-value is (extreme + 1) / (resamples + 1), which is never
    0. A sum that equals the observed one up to rounding counts as extreme. Queries that either side lacks (NaN) are
    left out; identical arrays, or no common query, give 1. Source: Smucker, Allan and Carterette 2007; Davison and
    Hinkley 1997, section 4.3, for the + 1. Raises ValueError for arrays of different lengths.
    """
    common = differences(a, b)
    common = common[~np.isnan(common)]
    observed = abs(common.sum()) - SLACK * np.abs(common).sum()
    generator = np.random.default_rng(seed)
    extreme = 0
    for size in batches(resamples, max(1, len(common))):
        signs = generator.integers(0, 2, (size, len(common)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(weighted_sums(common[None, :], signs)) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def holm(pvalues: np.ndarray) -> np.ndarray:
    """Return float[tests] of p-values adjusted for their number by Holm's step-down rule; float64[tests].

    Compare them with the significance level as usual. Source: Holm 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(pvalues, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted
