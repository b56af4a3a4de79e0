"""Arrivals follow from the seed and are Poisson; the search finds a capacity that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from harness.latency.arrivals import Bracket, highest_rate, max_above_bound, poisson


def test_gaps_are_exponential_and_follow_from_the_seed() -> None:
    due = poisson(200, 20_000, seed=3)
    gaps = np.diff(due, prepend=0) / 1e9
    assert kstest(gaps * 200, "expon").pvalue > 0.01
    assert due.tolist() == poisson(200, 20_000, seed=3).tolist()
    assert due.tolist() != poisson(200, 20_000, seed=4).tolist()
    assert abs(due[-1] / 1e9 - 100) < 3


def test_twice_the_rate_is_the_same_pattern_twice_as_dense() -> None:
    np.testing.assert_allclose(poisson(50, 1000, seed=1) / 2, poisson(100, 1000, seed=1), atol=1)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_is_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="a rate must be positive"):
        poisson(rate, 1, seed=0)


def test_how_many_may_exceed_is_exact() -> None:
    # reference: 299 and 473 responses state a p99 with none and one above, 59 a p95, 29 a p90 (95 %); 459, 662 (99 %)
    for count, most in ((298, None), (299, 0), (472, 0), (473, 1)):
        assert max_above_bound(count) == most
    assert (max_above_bound(458, confidence=0.99), max_above_bound(459, confidence=0.99)) == (None, 0)
    assert (max_above_bound(661, confidence=0.99), max_above_bound(662, confidence=0.99)) == (0, 1)
    assert (max_above_bound(58, share=0.95), max_above_bound(59, share=0.95)) == (None, 0)
    assert (max_above_bound(28, share=0.90), max_above_bound(29, share=0.90)) == (None, 0)


@pytest.mark.parametrize("capacity", [0.7, 37.0, 100.0, 2345.0])
@pytest.mark.parametrize("first", [30.0, 100.0, 999.0])
def test_the_search_brackets_a_known_capacity(capacity: float, first: float) -> None:
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= capacity

    low, high = highest_rate(holds, first, max_tries=30)
    assert low is not None
    assert high is not None
    assert low <= capacity < high
    assert high / low <= 1.05
    assert len(tried) == len(set(tried)), "a rate was offered twice"


def test_the_search_ends_where_nothing_holds_or_everything_does() -> None:
    assert highest_rate(lambda rate: False, 64, max_tries=4) == Bracket(None, 8)
    assert highest_rate(lambda rate: False, 64, lowest=20) == Bracket(None, 32)
    assert highest_rate(lambda rate: True, 64, max_tries=4) == Bracket(512, None)
