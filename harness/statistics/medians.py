"""Medians of repeated measurements, with an interval that assumes no distribution."""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np

REPEATS = 6
"""The smallest number of repeats whose extremes are a 95 % interval of the median, whatever the distribution."""


class Rate(NamedTuple):
    """A rate in rows per second: the median over `n` repeats, and its interval."""

    value: float
    low: float
    high: float
    n: int


def median_interval(values: np.ndarray, confidence: float = 0.95) -> Rate:
    """Return the median of float[n], and the narrowest interval between its k-th values from either end.

    The k-th values enclose the median with probability 1 - 2 P(X < k), where X is binomial with n and 1/2, whatever the
    distribution (David and Nagaraja 2003, section 7.1). With fewer than 6 values even the extremes enclose it less
    often than 95 % of the time; they are returned all the same. Raises IndexError for no values.

    >>> median_interval(np.array([3.0, 1.0, 2.0, 5.0, 4.0, 6.0]))
    Rate(value=3.5, low=1.0, high=6.0, n=6)
    """
    ordered = np.sort(values)
    n, inner = len(ordered), 0
    while 2 * sum(comb(n, i) for i in range(inner + 2)) <= (1 - confidence) * 2**n:
        inner += 1
    return Rate(float(np.median(ordered)), float(ordered[inner]), float(ordered[n - 1 - inner]), n)
