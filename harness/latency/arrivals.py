"""When requests come, and the highest rate that is kept: Poisson arrivals from a seed, and a search by bisection."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np


class Bracket(NamedTuple):
    """The highest rate that was seen to hold and the lowest one above it that was not; None where there is none."""

    low: float | None
    high: float | None


def poisson(rate: float, count: int, seed: int) -> np.ndarray:
    """Return when `count` requests come at `rate` a second: int64[count], nanoseconds from the start, ascending.

    The gaps are independent and exponential, so nobody's answer makes another wait to ask. One seed gives one pattern:
    at twice the rate it is twice as dense, and a longer one begins as a shorter does. ValueError for a rate that is
    not positive.

    >>> (poisson(2, 3, seed=7) == poisson(1, 5, seed=7)[:3] // 2).all()
    np.True_
    """
    if not rate > 0:
        raise ValueError(f"a rate is positive, found {rate}")
    gaps = np.random.default_rng(seed).standard_exponential(count)
    return np.floor(np.cumsum(gaps) * (1e9 / rate)).astype(np.int64)


def allowed(count: int, share: float = 0.99, confidence: float = 0.95) -> int | None:
    """Return how many of `count` responses may lie above a bound, if the share's quantile is to lie below it.

    It is the largest k with P(X <= k) <= 1 - confidence, X binomial with `count` and 1 - share: were the quantile above
    the bound, so few would be seen above it at most so often. None where the sample is too small for any statement.
    Source: exact binomial bounds, as in MLPerf LoadGen's early stopping. Responses that wait in one queue are not
    independent, which the bound takes them to be: see docs/latency.md.

    >>> [allowed(n) for n in (298, 299, 472, 473, 10_000)]
    [None, 0, 0, 1, 83]
    """
    from scipy.stats import binom

    miss = 1 - share
    most = int(binom.ppf(1 - confidence, count, miss))
    if binom.cdf(most, count, miss) > 1 - confidence:
        most -= 1
    return most if most >= 0 else None


def highest(
    holds: Callable[[float], bool], first: float, *, least: float = 0, within: float = 0.05, most: int = 16
) -> Bracket:
    """Search the highest rate that holds: from `first` by doubling or halving to a bracket, then by bisection.

    Rates are tried in the middle of the bracket's logarithms, rounded to three digits, until its ends differ by the
    share `within` at most, or `most` rates were tried; none below `least`. Whether a rate holds is measured, so one
    that is near the border may fall on either side; the answer is what was seen.

    >>> highest(lambda rate: rate <= 130, first=100)
    Bracket(low=130.0, high=135.0)
    """
    found, rate = Bracket(None, None), _rounded(first)
    for _ in range(most):
        found = Bracket(rate, found.high) if holds(rate) else Bracket(found.low, rate)
        low, high = found
        if high is None:
            rate = _rounded(rate * 2)
        elif low is None:
            rate = _rounded(rate / 2)
            if rate < least:
                break
        else:
            rate = _rounded(sqrt(low * high))
            if high / low <= 1 + within or rate in found:
                break
    return found


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
