"""Intervals and tests: by hand, against scipy, and the same on every machine, thread and process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from harness.statistics import holm, mean_interval, mean_intervals, paired_interval, randomisation_p

RNG = np.random.default_rng(7)
A = RNG.random(60)
B = A + RNG.normal(0.03, 0.1, 60)


def test_the_interval_is_that_of_the_normal_approximation_where_it_holds():
    values = np.random.default_rng(1).normal(5, 2, 4000)
    found = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert found.n == 4000


def test_the_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(2).random((50, 400))
    found = mean_intervals(draws, confidence=0.9)
    covered = sum(interval.low <= 0.5 <= interval.high for interval in found) / 400
    assert 0.85 <= covered <= 0.94


def test_nan_is_no_value():
    gaps = np.array([0.2, np.nan, 0.4, 0.9, np.nan])
    assert mean_interval(gaps) == mean_interval(gaps[[0, 2, 3]])
    assert mean_interval(gaps).n == 3
    nothing = mean_interval(np.array([np.nan]))
    assert np.isnan(nothing[:3]).all()
    assert nothing.n == 0
    assert mean_interval(np.array([])).n == 0


def test_a_column_does_not_feel_its_neighbours():
    table = np.random.default_rng(3).random((37, 5))
    table[3, 1] = table[:, 2] = np.nan
    for column, together in zip(table.T, mean_intervals(table), strict=True):
        np.testing.assert_array_equal(mean_interval(column), together)


def test_one_query_has_a_point_for_an_interval():
    assert mean_interval(np.array([0.25])) == (0.25, 0.25, 0.25, 1)


@pytest.mark.parametrize("wrong", [{"confidence": 0.0}, {"confidence": 1.0}, {"resamples": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected 0 < confidence < 1 and resamples >= 1"):
        mean_interval(A, **wrong)


def test_pairs_stay_together():
    found = paired_interval(B, A)
    assert found == mean_interval(B - A)
    assert paired_interval(A + 0.5, A) == pytest.approx((0.5, 0.5, 0.5, 60))
    assert paired_interval(np.array([1.0, np.nan, 0.0]), np.array([0.0, 1.0, np.nan])) == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="same queries on both sides"):
        paired_interval(A, A[1:])


def test_the_p_value_is_that_of_all_sign_flips():
    differences = np.array([0.3, 0.1, 0.2, -0.1, 0.4, 0.1, 0.3, -0.2])
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=8)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    found = randomisation_p(differences, np.zeros(8), resamples=100_000)
    assert found == pytest.approx(exact, abs=0.005)


def test_the_p_value_agrees_with_a_t_test_on_many_queries():
    stats = pytest.importorskip("scipy.stats")
    assert randomisation_p(A, B, resamples=50_000) == pytest.approx(stats.ttest_rel(A, B).pvalue, abs=0.01)


def test_identical_systems_and_empty_ones_do_not_differ():
    assert randomisation_p(A, A) == 1
    assert randomisation_p(np.array([np.nan]), np.array([0.5])) == 1


def test_the_p_value_is_never_zero():
    assert randomisation_p(A + 1, A, resamples=999) == 1 / 1000


def test_the_p_value_has_two_sides():
    assert randomisation_p(A, B) == randomisation_p(B, A)


def test_the_same_numbers_in_every_thread_and_process():
    def answer(_=None):
        return mean_interval(A), randomisation_p(A, B), randomisation_p(A, B, seed=1)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(answer, range(8))) == {answer()}
    code = (
        "import numpy as np; from harness.statistics import *; r = np.random.default_rng(7); a = r.random(60);"
        "b = a + r.normal(0.03, 0.1, 60);"
        "print((mean_interval(a), randomisation_p(a, b), randomisation_p(a, b, seed=1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(answer())


def test_blocks_do_not_show(monkeypatch):
    whole = mean_interval(A), randomisation_p(A, B)
    monkeypatch.setattr("harness.statistics.resampling.AT_A_TIME", 500)
    assert (mean_interval(A), randomisation_p(A, B)) == whole


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []
