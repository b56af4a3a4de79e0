"""Rows a second: works repeated in turn, in an order drawn from a seed, so that what drifts meets all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from harness.statistics.medians import REPEATS, Rate, median_interval

Parts = tuple[int, ...]
"""Nanoseconds: of the whole, and of each part of it that is looked at by itself."""


class Workload(NamedTuple):
    """Something that is done to a stretch of rows."""

    do: Callable[[slice], Parts]
    rows: int
    """How many there are."""
    least: int
    """A stretch is a multiple of so many rows, one that the budget allows; at most `rows`."""
    most: int
    """And no more than so many, if that is more than `least`."""


class Rates(NamedTuple):
    """What a work gave: a rate of the whole and one of each part, from stretches of `rows` rows."""

    rows: int
    parts: tuple[Rate, ...]


def rates(works: Sequence[Workload], *, seconds: float, repeats: int = REPEATS, seed: int = 0) -> list[Rates]:
    """Do each work `repeats` times on stretches of its rows, in turn, and return what it did a second.

    Each is done twice before on its first rows, to warm up and to see how long it takes; a stretch is then as long as
    lets all repeats of one work end within about `seconds`. In every repeat each work has its turn once, in a new
    order, and all begin their stretch at the same share of their rows, so that works on the same rows meet the same.
    """
    rng = np.random.default_rng(seed)
    sizes = [_stretch(work, seconds / repeats) for work in works]
    taken: list[list[Parts]] = [[] for _ in works]
    for _ in range(repeats):
        share = rng.random()
        for number in rng.permutation(len(works)).tolist():
            work, size = works[number], sizes[number]
            begin = int(share * (work.rows - size + 1))
            taken[number].append(work.do(slice(begin, begin + size)))
    return [Rates(size, _rates(parts, size)) for size, parts in zip(sizes, taken, strict=True)]


def _stretch(work: Workload, seconds: float) -> int:
    """Return how many rows fit into so many seconds, after a warm-up."""
    least = min(work.least, work.rows)
    work.do(slice(0, least))
    ns = max(work.do(slice(0, least))[0], 1)
    fits = int(seconds * 1e9 / ns) * least
    return min(max(fits, least), max(work.most // least * least, least), work.rows)


def _rates(taken: list[Parts], rows: int) -> tuple[Rate, ...]:
    return tuple(median_interval(rows * 1e9 / np.maximum(part, 1)) for part in np.array(taken, np.float64).T)
