"""Percentiles, means and paired ratios of latencies, with intervals from a bootstrap of blocks of laps.

Laps that are close in time share the state of the machine, so blocks of them are resampled, never single laps. Pairs
are compared by the median of their log-ratios, because any stall would move a mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from harness.statistics.resampling import resampled_counts

RESAMPLES = 2000
"""The number of resamples behind each interval."""
FEWEST_BLOCKS = 5
"""The smallest number of blocks for which there is an interval."""
ROUNDING = 1e-9
"""The rounding error that is allowed when a share of the laps is turned into a whole number of them."""


class Estimate(NamedTuple):
    """A number from `n` laps and the ends of its interval; the ends are NaN for fewer than FEWEST_BLOCKS blocks."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the width of the interval as a share of the value; infinite without an interval."""
        width = (self.high - self.low) / 2 / self.value
        return width if math.isfinite(width) else math.inf


def laps_needed(level: float, confidence: float = 0.95) -> int:
    """Return how many laps a percentile needs, so that at least one of them is above it with this confidence.

    The probability that none of n laps is above it is level ** n (David and Nagaraja 2003, section 7.1:
    distribution-free intervals).

    >>> [laps_needed(level) for level in (0.5, 0.9, 0.95, 0.99)]
    [5, 29, 59, 299]
    """
    return math.ceil(math.log(1 - confidence) / math.log(level))


def quantiles(
    values: np.ndarray, blocks: np.ndarray, levels: Sequence[float], confidence: float = 0.95, seed: int = 0
) -> list[Estimate]:
    """Return percentiles of float[laps], each the smallest value with at least its share of all at or below it.

    `blocks` int[laps] has the block of each lap; laps of a block were close in time. The intervals are expanded
    percentile intervals, see `_interval`. A level with too few laps (see `laps_needed`) has an interval all the same:
    leave it out. Raises ValueError if there are no laps.
    """
    if not len(values):
        raise ValueError("expected at least one lap, found none")
    order = np.argsort(values, kind="stable")
    ranked, block_of = values[order], _numbered(blocks)[order]
    places = [_place(np.full(1, len(ranked)), np.arange(1, len(ranked) + 1)[None], level)[0] for level in levels]
    count = int(block_of.max()) + 1
    resamples: list[list[np.ndarray]] = [[] for _ in levels]
    for counts in resampled_counts(count, RESAMPLES, seed, max(len(ranked), count)):
        reached = np.cumsum(counts.astype(np.int32)[:, block_of], axis=1)
        for of_level, level in zip(resamples, levels, strict=True):
            of_level.append(ranked[_place(reached[:, -1], reached, level)])
    ends = [_interval(of_level, count, confidence) for of_level in resamples]
    return [Estimate(float(ranked[place]), *end, len(ranked)) for place, end in zip(places, ends, strict=True)]


def mean(values: np.ndarray, blocks: np.ndarray, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Return the mean of float[laps] with its interval, stalls included: for costs, which stalls add to.

    `blocks` int[laps] has the block of each lap.
    """
    block_of = _numbered(blocks)
    sums, sizes = np.bincount(block_of, weights=values), np.bincount(block_of).astype(np.float64)
    resamples = [
        np.einsum("rb,b->r", counts, sums) / np.einsum("rb,b->r", counts, sizes)
        for counts in (counts.astype(np.int32) for counts in resampled_counts(len(sums), RESAMPLES, seed))
    ]
    return Estimate(float(sums.sum() / sizes.sum()), *_interval(resamples, len(sums), confidence), len(values))


def paired_ratio(
    times: np.ndarray, reference: np.ndarray, blocks: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Return by what factor laps are slower than those of a reference for the same queries at the same time.

    It is exp(median(ln(times / reference))) over the pairs, float[laps] each, with the interval of `quantiles`;
    `blocks` int[laps] has the block of each pair. Raises ValueError if there are no laps.
    """
    median = quantiles(np.log(times / reference), blocks, [0.5], confidence, seed)[0]
    return Estimate(math.exp(median.value), math.exp(median.low), math.exp(median.high), median.n)


def told_apart(ratio: Estimate, floor: float) -> bool:
    """Return whether a ratio is a difference: whether its interval is beyond the noise floor, a share such as 0.01.

    The floor is how much the same system, measured twice, can appear to differ; a true difference below it may be
    missed.
    """
    return ratio.low > 1 + floor or ratio.high < 1 / (1 + floor)


def _numbered(blocks: np.ndarray) -> np.ndarray:
    """Renumber the blocks from 0 without gaps; int64[laps]."""
    return np.unique(blocks, return_inverse=True)[1]


def _place(totals: np.ndarray, reached: np.ndarray, level: float) -> np.ndarray:
    """Return for each row the first place at which the count of laps reaches the level's share of the total."""
    return np.asarray((reached < np.ceil(level * totals - ROUNDING)[:, None]).sum(axis=1))


def _interval(resamples: Sequence[np.ndarray], blocks: int, confidence: float) -> tuple[float, float]:
    """Return the expanded percentile interval of a statistic's resamples; NaN for fewer than FEWEST_BLOCKS blocks.

    With few blocks the percentile interval is too narrow, like one that uses s / sqrt(n) with n in place of n - 1 and a
    normal quantile in place of Student's. The expanded interval uses the resamples' quantile at
    Phi(-sqrt(n / (n - 1)) t) instead. Source: Hesterberg 2015, doi 10.1080/00031305.2015.1089789.
    """
    if blocks < FEWEST_BLOCKS:
        return math.nan, math.nan
    from scipy.special import stdtrit

    student = float(stdtrit(blocks - 1, (1 + confidence) / 2))
    tail = NormalDist().cdf(-math.sqrt(blocks / (blocks - 1)) * student)
    low, high = np.quantile(np.concatenate(resamples), [tail, 1 - tail])
    return float(low), float(high)
