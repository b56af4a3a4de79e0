"""The server mode finds a capacity that is known by arithmetic, and says so where a bound cannot be kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.latency.opened_system import Lap
from harness.latency.rate_search import RateSearch, search_rate
from harness.suite.latency import Server
from tests.unit.latency.test_load_generator import MS, FakeClock

STAGES = (SimpleNamespace(releases_gil=True), SimpleNamespace(releases_gil=False))


def never() -> Any:
    raise AssertionError("one worker needs no process")


def fake_system(clock: FakeClock, took: Callable[[], int]) -> Any:
    """A system that takes fake time, nine tenths of it in a stage that releases the GIL."""

    def lap(row: int) -> Lap:
        ns = took()
        clock.work(ns)
        return Lap(ns, (ns * 9 // 10, ns // 10))

    return SimpleNamespace(dataset="toy", system="fake", stages=STAGES, lap=lap)


def served(took: Callable[[FakeClock], Callable[[], int]], **settings: Any) -> RateSearch:
    clock = FakeClock()
    return search_rate(fake_system(clock, took(clock)), range(7), Server(**settings), 0, never, 1, clock)


def exponential(rate: float) -> Callable[[FakeClock], Callable[[], int]]:
    random = np.random.default_rng(5)
    return lambda clock: lambda: int(random.exponential(1e9 / rate))


def test_the_highest_rate_of_a_queue_is_that_of_its_formula() -> None:
    # M/M/1: the response time is exponential with the rate mu - lambda, so p99 = ln(100) / (mu - lambda)
    found = served(exponential(100), p99_ms=100, seconds=400, rates=[30])
    exact = 100 - math.log(100) / 0.1
    assert found.bracket.low is not None and found.bracket.high is not None
    assert found.bracket.low / 1.06 <= exact <= found.bracket.high * 1.06
    assert found.bracket.high / found.bracket.low <= 1.05
    assert [offer.holds for offer in found.offers if offer.rate == found.bracket.low] == [True]
    at_30 = found.offers[0]
    assert (at_30.rate, len(at_30.rows)) == (30, 12_000)
    assert np.percentile(at_30.responses.ns / MS, 99) == pytest.approx(1000 * math.log(100) / 70, rel=0.1)
    assert at_30.rows[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


def test_a_steady_service_is_loaded_nearly_to_its_capacity() -> None:
    found = served(lambda clock: lambda: 10 * MS, p99_ms=1000, seconds=10)
    assert found.bracket.low is not None and found.bracket.high is not None
    assert 85 < found.bracket.low < 100
    assert found.bracket.high <= 106, "an overload shows, however long the bound: an offer lasts 20 of them"


def test_an_offer_that_cannot_hold_any_more_ends_and_one_that_was_asked_for_does_not() -> None:
    found = served(lambda clock: lambda: 200 * MS, p99_ms=100, rates=[1])
    assert found.bracket.low is None
    assert len(found.offers[0].rows) == 473, "the suite asked for it"
    searched = found.offers[1:]
    assert [offer.rate for offer in searched] == [4, 2, 1, 0.5, 0.25]
    assert all(len(offer.rows) == 2 and not offer.holds for offer in searched)


def test_one_worker_is_a_thread_and_the_share_outside_the_gil_is_told() -> None:
    found = served(lambda clock: lambda: 10 * MS, seconds=5)
    assert found.workers == "threads"
    assert found.outside_gil == pytest.approx(0.9)
