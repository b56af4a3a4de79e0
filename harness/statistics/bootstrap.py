"""How sure a mean over queries is, and whether two systems differ: bootstrap, randomisation, Holm.

Every answer depends on its arguments alone: the random numbers come from the seed, and sums are taken in one order
whatever the number of threads, so a number can be checked to the last bit on another day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK = 1 << 22
"""How many random numbers are held at a time; the answers do not depend on it."""


class Interval(NamedTuple):
    """A mean and the ends of its interval, over `n` queries; all NaN where n is 0."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """Return the mean of one value a query and its percentile bootstrap interval; NaN stands for no value.

    Source: Efron and Tibshirani 1993, chapter 13; Sakai 2006 for retrieval. Raises ValueError for a confidence outside
    (0, 1) or no resamples.

    >>> mean_interval(np.array([0.5, 0.5, np.nan]))
    Interval(mean=0.5, low=0.5, high=0.5, n=2)
    """
    return mean_intervals(np.asarray(values)[:, None], confidence, resamples, seed)[0]


def mean_intervals(
    values: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> list[Interval]:
    """Return `mean_interval` of every column of float[queries, columns], from one set of resamples.

    A column gets the same interval whatever stands beside it.
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"expected 0 < confidence < 1 and resamples >= 1, found {confidence} and {resamples}")
    columns = np.asarray(values, dtype=np.float64).T
    there = ~np.isnan(columns)
    found = [Interval(np.nan, np.nan, np.nan, 0)] * len(columns)
    for mask in np.unique(there, axis=0):
        members = np.flatnonzero((there == mask).all(axis=1))
        if mask.any():
            values = np.ascontiguousarray(columns[np.ix_(members, mask)])
            intervals = _intervals(values, confidence, resamples, seed)
            for column, interval in zip(members, intervals, strict=True):
                found[column] = interval
    return found


def _intervals(columns: np.ndarray, confidence: float, resamples: int, seed: int) -> Iterator[Interval]:
    """Resample queries, all columns alike."""
    n = columns.shape[1]
    means = np.concatenate([_weighted(columns, counts) for counts in _resampled(n, resamples, seed)]) / n
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    centre = _weighted(columns, np.ones((1, n)))[0] / n
    for mean, left, right in zip(centre.tolist(), low.tolist(), high.tolist(), strict=True):
        yield Interval(mean, left, right, n)


def _weighted(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights @ columns.T; a BLAS would add up in an order that depends on the threads and the other columns."""
    return np.stack([np.einsum("wn,n->w", weights, column) for column in columns], axis=1)


def _blocks(n: int, resamples: int) -> Iterator[int]:
    size = max(1, BLOCK // n)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def _resampled(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw n queries with replacement, and give how often each was drawn: float64[block, n]."""
    generator = np.random.default_rng(seed)
    for size in _blocks(n, resamples):
        drawn = generator.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def paired_interval(
    a: np.ndarray, b: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean of a - b over the queries that both have, and its percentile bootstrap interval.

    Source: Efron and Tibshirani 1993, chapter 13; the queries are resampled, so the pairs stay together. Raises
    ValueError as `mean_interval` does, and for arrays of different lengths.
    """
    return mean_interval(_differences(a, b), confidence, resamples, seed)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"expected the same queries on both sides, found {first.shape} and {second.shape}")
    return first - second
