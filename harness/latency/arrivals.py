"""When requests arrive, and the highest rate that holds: Poisson arrivals from a seed, and a search by bisection."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np


class Bracket(NamedTuple):
    """The highest rate that held, and the lowest rate above it that did not; None if there is none."""

    low: float | None
    high: float | None


def poisson(rate: float, count: int, seed: int) -> np.ndarray:
    """Return when `count` requests arrive at `rate` per second: int64[count], ns from the start, ascending.

    The gaps are independent and exponential, so no request waits for the answer to another. A seed fixes the pattern:
    at twice the rate it is twice as dense, and a longer schedule begins like a shorter one. Raises ValueError for a
    rate that is not positive.

    >>> (poisson(2, 3, seed=7) == poisson(1, 5, seed=7)[:3] // 2).all()
    np.True_
    """
    if not rate > 0:
        raise ValueError(f"a rate must be positive, found {rate}")
    gaps = np.random.default_rng(seed).standard_exponential(count)
    return np.floor(np.cumsum(gaps) * (1e9 / rate)).astype(np.int64)


def max_above_bound(count: int, share: float = 0.99, confidence: float = 0.95) -> int | None:
    """Return how many of `count` responses may exceed a bound if the quantile at `share` is to be within the bound.

    This is the largest k with P(X <= k) <= 1 - confidence, where X is binomial with `count` and 1 - share: if the
    quantile exceeded the bound, so few responses above it would be seen in at most that share of cases. None if the
    sample is too small for any statement. Source: exact binomial bounds, as in the early stopping of MLPerf's LoadGen.
    The bound assumes independent responses, which those that wait in one queue are not: see docs/latency.md.

    >>> [max_above_bound(n) for n in (298, 299, 472, 473, 10_000)]
    [None, 0, 0, 1, 83]
    """
    from scipy.stats import binom

    miss = 1 - share
    largest = int(binom.ppf(1 - confidence, count, miss))
    if binom.cdf(largest, count, miss) > 1 - confidence:
        largest -= 1
    return largest if largest >= 0 else None


def highest_rate(
    holds: Callable[[float], bool], first: float, *, lowest: float = 0, within: float = 0.05, max_tries: int = 16
) -> Bracket:
    """Search for the highest rate that holds: double or halve from `first` to a bracket, then bisect it.

    Bisection tries the logarithmic middle of the bracket, rounded to three digits, until its ends differ by at most the
    share `within` or `max_tries` rates have been tried; no rate below `lowest` is tried. Whether a rate holds is
    measured, so a rate near the limit may fall on either side; the bracket reports what was observed.

    >>> highest_rate(lambda rate: rate <= 130, first=100)
    Bracket(low=130.0, high=135.0)
    """
    bracket, rate = Bracket(None, None), _rounded(first)
    for _ in range(max_tries):
        bracket = Bracket(rate, bracket.high) if holds(rate) else Bracket(bracket.low, rate)
        low, high = bracket
        if high is None:
            rate = _rounded(rate * 2)
        elif low is None:
            rate = _rounded(rate / 2)
            if rate < lowest:
                break
        else:
            rate = _rounded(sqrt(low * high))
            if high / low <= 1 + within or rate in bracket:
                break
    return bracket


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
