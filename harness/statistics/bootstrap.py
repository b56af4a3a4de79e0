"""Confidence intervals of means over queries, by the percentile bootstrap.

Every result depends on its arguments alone, so a number can be checked to the last bit at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from harness.statistics.resampling import resampled_counts, weighted_sums


class Interval(NamedTuple):
    """A mean and the ends of its interval, over `n` queries; mean and ends are NaN if n is 0."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """Return the mean of float[queries] and its percentile bootstrap interval; NaN values are left out.

    Source: Efron and Tibshirani 1993, chapter 13; Sakai 2006 for retrieval. Raises ValueError for a confidence outside
    (0, 1) and for fewer than one resample.

    >>> mean_interval(np.array([0.5, 0.5, np.nan]))
    Interval(mean=0.5, low=0.5, high=0.5, n=2)
    """
    return mean_intervals(np.asarray(values)[:, None], confidence, resamples, seed)[0]


def mean_intervals(
    values: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> list[Interval]:
    """Return the `mean_interval` of every column of float[queries, columns], from one set of resamples.

    The interval of a column does not depend on the other columns. Raises ValueError as `mean_interval` does.
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"expected 0 < confidence < 1 and resamples >= 1, found {confidence} and {resamples}")
    columns = np.asarray(values, dtype=np.float64).T
    present = ~np.isnan(columns)
    found = [Interval(np.nan, np.nan, np.nan, 0)] * len(columns)
    for mask in np.unique(present, axis=0):
        members = np.flatnonzero((present == mask).all(axis=1))
        if mask.any():
            values = np.ascontiguousarray(columns[np.ix_(members, mask)])
            intervals = _intervals(values, confidence, resamples, seed)
            for column, interval in zip(members, intervals, strict=True):
                found[column] = interval
    return found


def _intervals(columns: np.ndarray, confidence: float, resamples: int, seed: int) -> Iterator[Interval]:
    """Yield the interval of each row of float64[columns, queries]; all are resampled alike."""
    n = columns.shape[1]
    counts = (counts.astype(np.float64) for counts in resampled_counts(n, resamples, seed))
    means = np.concatenate([weighted_sums(columns, some) for some in counts]) / n
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    centre = weighted_sums(columns, np.ones((1, n)))[0] / n
    for mean, left, right in zip(centre.tolist(), low.tolist(), high.tolist(), strict=True):
        yield Interval(mean, left, right, n)


def paired_interval(
    a: np.ndarray, b: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean of a - b, float[queries] each, over the queries that both have, and its percentile interval.

    Source: Efron and Tibshirani 1993, chapter 13; queries are resampled, so pairs stay together. Raises ValueError as
    `mean_interval` does, and for arrays of different lengths.
    """
    return mean_interval(differences(a, b), confidence, resamples, seed)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a - b as float64[queries]; ValueError for arrays of different shapes."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"expected the same queries on both sides, found {first.shape} and {second.shape}")
    return first - second
