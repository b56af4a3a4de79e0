"""Percentiles, ratios and their intervals, against answers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.statistics.block_bootstrap import Estimate, laps_needed, mean, paired_ratio, quantiles, told_apart


def test_a_percentile_is_a_lap_that_was_measured() -> None:
    values = np.arange(1, 301, dtype=np.float64)
    found = quantiles(np.random.default_rng(0).permutation(values), np.arange(300) // 10, [0.5, 0.9, 0.95, 0.99])
    assert [one.value for one in found] == [150, 270, 285, 297]
    assert all(one.low <= one.value <= one.high <= 300 for one in found)


def test_how_many_laps_a_percentile_needs() -> None:
    assert laps_needed(0.99) == 299
    assert 0.99**299 <= 0.05 < 0.99**298
    assert laps_needed(0.99, 0.99) == 459


@pytest.mark.parametrize("correlated", [False, True])
def test_intervals_of_a_median_cover_it(correlated: bool) -> None:
    """Of 200 measurements about 190 cover the truth, where neighbours in time are alike too."""
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        state = np.repeat(random.normal(0, 0.3, 25), 10) if correlated else 0.0
        values = np.exp(state + random.normal(0, 0.1, 250))
        (found,) = quantiles(values, np.arange(250) // 10, [0.5])
        covered += found.low <= 1 <= found.high
    assert 180 <= covered <= 199


def test_a_ratio_is_that_of_pairs_and_no_stall_moves_it() -> None:
    random = np.random.default_rng(0)
    reference = random.lognormal(0, 1, 400)
    times = 1.25 * reference
    times[::7] *= 50
    found = paired_ratio(times, reference, np.arange(400) // 10)
    assert found.value == pytest.approx(1.25)
    assert found.low == pytest.approx(1.25) and found.high == pytest.approx(1.25)
    turned = paired_ratio(reference, times, np.arange(400) // 10)
    assert turned.value == pytest.approx(1 / 1.25)


def test_the_mean_counts_stalls() -> None:
    values = np.ones(100)
    values[::10] = 11
    found = mean(values, np.arange(100) // 10)
    assert found.value == found.low == found.high == 2.0


def test_few_blocks_say_nothing_of_how_sure_a_number_is() -> None:
    (found,) = quantiles(np.arange(40.0), np.arange(40) // 10, [0.5])
    assert found.value == 19 and math.isnan(found.low) and math.isnan(found.high)
    assert found.half_width == math.inf
    assert not told_apart(found, 0.01)


def test_the_same_laps_give_the_same_numbers_whatever_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    values, blocks = np.random.default_rng(1).lognormal(0, 1, 333), np.arange(333) // 10
    before = quantiles(values, blocks, [0.5, 0.99]), mean(values, blocks)
    monkeypatch.setattr("harness.statistics.resampling.AT_A_TIME", 1 << 11)
    assert (quantiles(values, blocks, [0.5, 0.99]), mean(values, blocks)) == before


def test_a_difference_lies_beyond_the_noise_floor() -> None:
    assert told_apart(Estimate(1.1, 1.05, 1.15, 100), 0.04)
    assert not told_apart(Estimate(1.1, 1.03, 1.17, 100), 0.04)
    assert told_apart(Estimate(0.9, 0.88, 0.92, 100), 0.04)
    assert not told_apart(Estimate(0.98, 0.97, 0.99, 100), 0.04)


def test_no_lap_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="at least one lap"):
        quantiles(np.empty(0), np.empty(0), [0.5])
