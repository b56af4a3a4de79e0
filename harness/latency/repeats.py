"""Rates in rows per second: workloads are repeated in turn and in random order, so that drift affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from harness.statistics.medians import REPEATS, Rate, median_interval

Parts = tuple[int, ...]
"""Nanoseconds: first the whole, then each part that is measured on its own."""


class Workload(NamedTuple):
    """Something that is done to a stretch of rows."""

    do: Callable[[slice], Parts]
    rows: int
    """The number of rows that exist."""
    min_rows: int
    """A stretch is a multiple of this, as long as the budget allows; it never exceeds `rows`."""
    max_rows: int
    """A stretch is at most this long, unless `min_rows` is longer."""


class Rates(NamedTuple):
    """The rate of a whole workload and of each of its parts, from stretches of `rows` rows."""

    rows: int
    parts: tuple[Rate, ...]


def rates(workloads: Sequence[Workload], *, seconds: float, repeats: int = REPEATS, seed: int = 0) -> list[Rates]:
    """Run each workload `repeats` times on stretches of its rows, in turn, and return its rows per second.

    Each workload first runs twice on its first rows, to warm up and to see how long it takes; the length of a stretch
    is then chosen so that all its repeats take about `seconds`. In every repeat each workload runs once, in a new
    order, and all stretches begin at the same share of their rows, so workloads on the same rows get the same ones.
    """
    random = np.random.default_rng(seed)
    sizes = [_stretch(workload, seconds / repeats) for workload in workloads]
    taken: list[list[Parts]] = [[] for _ in workloads]
    for _ in range(repeats):
        share = random.random()
        for number in random.permutation(len(workloads)).tolist():
            workload, size = workloads[number], sizes[number]
            begin = int(share * (workload.rows - size + 1))
            taken[number].append(workload.do(slice(begin, begin + size)))
    return [Rates(size, _rates(parts, size)) for size, parts in zip(sizes, taken, strict=True)]


def _stretch(workload: Workload, seconds: float) -> int:
    """Return how many rows fit into so many seconds, after a warm-up."""
    step = min(workload.min_rows, workload.rows)
    workload.do(slice(0, step))
    ns = max(workload.do(slice(0, step))[0], 1)
    fits = int(seconds * 1e9 / ns) * step
    return min(max(fits, step), max(workload.max_rows // step * step, step), workload.rows)


def _rates(taken: list[Parts], rows: int) -> tuple[Rate, ...]:
    return tuple(median_interval(rows * 1e9 / np.maximum(part, 1)) for part in np.array(taken, np.float64).T)
