"""What laps can say: percentiles that the sample supports, paired ratios, and how sure both are.

Laps come in blocks, and neighbours in time share the state of the machine: so blocks are resampled, never laps. A
median of paired log-ratios stands where a mean would be moved by every stall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
HELD = 1 << 22
"""Numbers that are held at a time while laps are resampled; the answers do not depend on it."""
FEWEST_BLOCKS = 5
"""With fewer nothing is said about how sure a number is."""
ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A number from `n` laps and the ends of its interval; they are NaN where there are fewer than FEWEST_BLOCKS."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """How far the interval reaches, as a share of the number; infinite where there is no interval."""
        width = (self.high - self.low) / 2 / self.value
        return width if math.isfinite(width) else math.inf


def laps_needed(level: float, confidence: float = 0.95) -> int:
    """Return how many laps a percentile takes, so that one of them lies above it with this confidence.

    The chance that none of n does is level ** n (David and Nagaraja 2003, section 7.1: distribution-free intervals).

    >>> [laps_needed(level) for level in (0.5, 0.9, 0.95, 0.99)]
    [5, 29, 59, 299]
    """
    return math.ceil(math.log(1 - confidence) / math.log(level))


def quantiles(
    values: np.ndarray, blocks: np.ndarray, levels: Sequence[float], confidence: float = 0.95, seed: int = 0
) -> list[Estimate]:
    """Return percentiles of float[laps], each the smallest value with at least its share of all at or below it.

    `blocks` int[laps] says which laps were neighbours in time; the intervals are those of `_interval`. A level that the
    laps do not support (`laps_needed`) has its interval all the same: leave it out. ValueError where there is no lap.
    """
    if not len(values):
        raise ValueError("no lap was given")
    order = np.argsort(values, kind="stable")
    ranked, of = values[order], _numbered(blocks)[order]
    places = [_place(np.full(1, len(ranked)), np.arange(1, len(ranked) + 1)[None], level)[0] for level in levels]
    drawn: list[list[np.ndarray]] = [[] for _ in levels]
    for counts in _resampled(int(of.max()) + 1, len(ranked), seed):
        reached = np.cumsum(counts[:, of], axis=1)
        for found, level in zip(drawn, levels, strict=True):
            found.append(ranked[_place(reached[:, -1], reached, level)])
    ends = [_interval(found, int(of.max()) + 1, confidence) for found in drawn]
    return [Estimate(float(ranked[place]), *end, len(ranked)) for place, end in zip(places, ends, strict=True)]


def mean(values: np.ndarray, blocks: np.ndarray, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Return the mean of float[laps] with its interval: what a stall costs is a cost, so here it counts."""
    of = _numbered(blocks)
    sums, sizes = np.bincount(of, weights=values), np.bincount(of).astype(np.float64)
    drawn = [
        np.einsum("rb,b->r", counts, sums) / np.einsum("rb,b->r", counts, sizes)
        for counts in _resampled(len(sums), len(sums), seed)
    ]
    return Estimate(float(sums.sum() / sizes.sum()), *_interval(drawn, len(sums), confidence), len(values))


def paired_ratio(
    times: np.ndarray, reference: np.ndarray, blocks: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Return by what factor laps take longer than those of a reference for the same queries at the same time.

    It is exp(median(ln(times / reference))) over the pairs, with the interval of blocks resampled.
    """
    found = quantiles(np.log(times / reference), blocks, [0.5], confidence, seed)[0]
    return Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n)


def told_apart(ratio: Estimate, floor: float) -> bool:
    """Tell whether a ratio is a difference: its interval lies beyond the noise floor, a share such as 0.01.

    The floor is what the same system, measured twice, can look like; below it a true difference may hide.
    """
    return ratio.low > 1 + floor or ratio.high < 1 / (1 + floor)


def _numbered(blocks: np.ndarray) -> np.ndarray:
    return np.unique(blocks, return_inverse=True)[1]


def _place(totals: np.ndarray, reached: np.ndarray, level: float) -> np.ndarray:
    """Return for each row the first place at which the count of laps reaches the level's share of the total."""
    return np.asarray((reached < np.ceil(level * totals - ROUNDING)[:, None]).sum(axis=1))


def _resampled(blocks: int, width: int, seed: int) -> Iterator[np.ndarray]:
    """Draw blocks with replacement, and give how often each was drawn: int32[some, blocks], RESAMPLES rows in all."""
    generator = np.random.default_rng(seed)
    size = max(1, HELD // max(width, blocks))
    for start in range(0, RESAMPLES, size):
        rows = min(size, RESAMPLES - start)
        drawn = generator.integers(0, blocks, (rows, blocks)) + np.arange(rows)[:, None] * blocks
        yield np.bincount(drawn.ravel(), minlength=rows * blocks).reshape(rows, blocks).astype(np.int32)


def _interval(drawn: Sequence[np.ndarray], blocks: int, confidence: float) -> tuple[float, float]:
    """Return the expanded percentile interval of a statistic's resamples; NaN where the blocks are too few.

    The percentile interval is too narrow for few blocks, as one that takes s / sqrt(n) with n in place of n - 1 and a
    normal quantile in place of Student's. The expanded one takes the resamples' quantile at
    Phi(-sqrt(n / (n - 1)) t) instead. Source: Hesterberg 2015, doi 10.1080/00031305.2015.1089789.
    """
    if blocks < FEWEST_BLOCKS:
        return math.nan, math.nan
    from scipy.special import stdtrit

    student = float(stdtrit(blocks - 1, (1 + confidence) / 2))
    tail = NormalDist().cdf(-math.sqrt(blocks / (blocks - 1)) * student)
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    return float(low), float(high)
