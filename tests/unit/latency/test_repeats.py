"""Rates of repeated works are those of the stretches they were given; every repeat gives each work one turn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from harness.latency.repeats import Parts, Workload, rates
from harness.statistics.medians import median_interval


class Machine:
    """Works off rows at a known speed, and keeps what it was given."""

    def __init__(self) -> None:
        self.done: list[tuple[str, slice]] = []

    def work(self, name: str, ns_a_row: int, ns_a_call: int = 0, *, rows: int = 1000, least: int = 1, most: int = 500):
        def do(part: slice) -> Parts:
            assert 0 <= part.start < part.stop <= rows
            self.done.append((name, part))
            ns = (part.stop - part.start) * ns_a_row + ns_a_call
            return ns, ns // 4

        return Workload(do, rows, least, most)


def test_a_rate_is_rows_over_seconds_of_the_whole_and_of_its_parts() -> None:
    machine = Machine()
    slow, fast = rates([machine.work("slow", 10_000_000), machine.work("fast", 100_000)], seconds=1.21)
    assert slow.parts[0] == (100, 100, 100, 6)
    assert slow.parts[1].value == 400
    assert slow.rows == 20, "a sixth of 1.2 s at 10 ms a row"
    assert fast.parts[0].value == 10_000
    assert fast.rows == 500, "no more than the most"


def test_stretches_are_whole_batches_and_never_more_than_there_is() -> None:
    machine = Machine()
    batches, all_there_is = rates(
        [machine.work("a", 1_000_000, least=32), machine.work("b", 1, rows=20, least=32)], seconds=0.6
    )
    assert batches.rows == 96
    assert all_there_is.rows == 20


def test_a_work_that_the_budget_does_not_allow_is_done_all_the_same() -> None:
    machine = Machine()
    (found,) = rates([machine.work("a", 10**10, least=8)], seconds=0.001)
    assert found.rows == 8
    assert found.parts[0].value == pytest.approx(0.1)


def test_each_repeat_gives_every_work_one_turn_in_an_order_of_the_seed() -> None:
    def order(seed: int) -> list[str]:
        machine = Machine()
        rates([machine.work(name, 1_000_000) for name in "abc"], seconds=0.6, repeats=20, seed=seed)
        assert [name for name, _ in machine.done[:6]] == list("aabbcc"), "warmed up first"
        turns = [name for name, _ in machine.done[6:]]
        assert all(sorted(turns[i : i + 3]) == list("abc") for i in range(0, 60, 3))
        return turns

    assert order(0) == order(0) != order(1)
    assert len({tuple(order(0)[i : i + 3]) for i in range(0, 60, 3)}) > 3


def test_works_on_the_same_rows_meet_the_same_ones_in_a_repeat() -> None:
    machine = Machine()
    rates([machine.work("a", 1_000_000), machine.work("b", 1_000_000)], seconds=0.6, repeats=8)
    pieces = {name: [part for at, part in machine.done[4:] if at == name] for name in "ab"}
    assert pieces["a"] == pieces["b"]
    assert len({part.start for part in pieces["a"]}) > 4


@pytest.mark.parametrize("n", [6, 7, 8, 9, 12, 20, 50])
def test_the_interval_of_a_median_is_exact(n: int) -> None:
    found = median_interval(np.arange(1.0, n + 1))
    k = int(found.low)
    assert found.high == n + 1 - k
    assert 1 - 2 * binom.cdf(k - 1, n, 0.5) >= 0.95 > 1 - 2 * binom.cdf(k, n, 0.5)
