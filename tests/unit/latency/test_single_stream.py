"""The mode `single` on a planted clock: what is visited, when it stops, and what it makes of laps that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from harness.artifacts.text import Queries
from harness.fingerprint import Fingerprint
from harness.latency.bench import Bench
from harness.latency.opened_system import Lap, LapFailed, OpenedSystem
from harness.latency.sampling import blocks_of, choose_queries
from harness.latency.single_stream import measure_single
from harness.latency.single_stream_session import is_steady
from harness.record.warnings import latency_warnings as caveats
from harness.results import LATENCY_SCHEMA
from harness.results.laps import figures
from harness.results.measured import Measured
from harness.stage import Runtime
from harness.statistics.block_bootstrap import Estimate
from harness.suite.latency import Latency
from harness.verify.laps import RecordedSystem

QUERIES = Queries.of((f"q{i:02}", "word " * (1 + i % 13) + str(i)) for i in range(40))


@dataclass
class World:
    """A clock that goes on only while somebody works, and the diary of who did."""

    now: float = 0.0
    diary: list[tuple[str, int]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now


@dataclass(frozen=True, eq=False)
class Planted(OpenedSystem):
    """A system whose laps are known."""

    world: World = field(default_factory=World)
    milliseconds: Callable[[int], float] = lambda row: 1.0

    @property
    def stage_names(self) -> tuple[str, ...]:
        return ("encode/planted", "search/planted")

    def lap(self, row: int) -> Lap:
        ns = round(self.milliseconds(row) * 1e6)
        self.world.now += ns / 1e9
        self.world.diary.append((self.system, row))
        return Lap(ns, (ns // 4, ns - ns // 4))


def noisy(seed: int, spread: float = 0.05, factor: float = 1.0) -> Callable[[int], float]:
    random = np.random.default_rng(seed)
    return lambda row: float(factor * (1 + row % 13) * random.lognormal(0, spread))


def run(world: World, systems: dict[str, Callable[[int], float]], **settings: Any) -> Measured:
    planted = [Planted("toy", name, Fingerprint(name), QUERIES, (), None, world, ms) for name, ms in systems.items()]
    bench = Bench(None, None, Runtime(), Latency(**settings), "toy", (), tuple(planted))  # type: ignore[arg-type]
    return measure_single(bench, world.clock)


def value(measured: Measured, system: str, quantity: str, stage: str | None = None) -> float | None:
    found = [r for r in measured.rows if (r.system, r.quantity, r.stage) == (system, quantity, stage)]
    assert len(found) <= 1
    return found[0].value if found else None


def test_every_query_goes_through_every_system_once_a_round_in_an_order_of_its_own() -> None:
    measured = run(World(), {"one": noisy(1), "two": noisy(2), "three": noisy(3)})
    laps = measured.laps
    assert laps.schema == LATENCY_SCHEMA
    whole = laps.filter(np.array([stage is None for stage in laps["stage"].to_pylist()]))
    visits = zip(*(whole[name].to_pylist() for name in ("block", "order", "system", "arm", "query_id")), strict=True)
    ordered = sorted(visits)
    arms = {("one", ""), ("one", "again"), ("two", ""), ("three", "")}
    orders = set()
    for start in range(0, len(ordered), 4):
        visit = ordered[start : start + 4]
        assert {(system, arm) for _, _, system, arm, _ in visit} == arms
        assert len({(block, query) for block, *_, query in visit}) == 1
        orders.add(tuple((system, arm) for _, _, system, arm, _ in visit))
    assert len(orders) == 24
    asked = [query for *_, query in ordered[::4]]
    assert Counter(asked[:40]) == Counter(QUERIES.ids)


def test_the_seed_decides_the_orders_and_another_seed_gives_others() -> None:
    diaries = []
    for seed in (1, 1, 2):
        world = World()
        run(world, {"one": noisy(1), "two": noisy(2)}, seed=seed)
        diaries.append(world.diary)
    assert diaries[0] == diaries[1] != diaries[2]


def test_planted_ratios_are_found_and_the_twin_is_the_noise_floor() -> None:
    measured = run(World(), {"one": noisy(1), "two": noisy(2, factor=1.5), "three": noisy(3, factor=0.25)})
    for system, true in (("two", 1.5), ("three", 0.25)):
        (row,) = [r for r in measured.rows if r.quantity == "latency_ratio" and r.system == system]
        assert row.low is not None and row.high is not None and row.low <= true <= row.high
        assert row.value == pytest.approx(true, rel=0.03) and row.stage is None and row.unit == ""
    assert value(measured, "one", "latency_ratio") is None
    facts = measured.facts
    assert facts["reference"] == "one" and not facts["inconclusive"]
    assert value(measured, "one", "latency_noise_floor") == facts["noise_floor"]
    assert facts["again"]["low"] <= 1 <= facts["again"]["high"]


def test_a_twin_that_differs_makes_the_measurement_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.latency.single_stream_session.paired_ratio", lambda *_: Estimate(1.1, 1.09, 1.11, 200))
    measured = run(World(), {"one": noisy(1)})
    assert measured.facts["inconclusive"]
    assert measured.facts["again"] == {"ratio": 1.1, "low": 1.09, "high": 1.11}


def test_a_measurement_that_is_too_short_is_inconclusive() -> None:
    short = run(World(), {"one": lambda row: 20_000.0}, seconds=40)
    assert short.facts["inconclusive"] and short.facts["noise_floor"] is None and short.facts["stopped"] == "budget"


def test_it_stops_when_every_ratio_is_narrow_and_not_before_every_query_was_asked() -> None:
    world = World()
    measured = run(world, {"one": noisy(1, 0.001), "two": noisy(2, 0.001)})
    assert measured.facts["stopped"] == "interval" and world.now < 40
    assert measured.facts["blocks"] >= 20 and measured.facts["laps"] >= measured.facts["queries"] == 40


def test_it_stops_when_the_budget_is_spent() -> None:
    world = World()
    measured = run(world, {"one": noisy(1, 2.0), "two": noisy(2, 2.0)}, seconds=10)
    assert measured.facts["stopped"] == "budget"
    assert 10 <= world.now < 11


def test_slow_systems_get_shorter_blocks_and_no_lap_that_does_not_count() -> None:
    world = World()
    measured = run(world, {"one": lambda row: 150.0, "two": lambda row: 100.0}, seconds=20)
    assert measured.facts["blocks"] >= 19 and world.now < 21
    warm = measured.facts["warm_up"]
    assert len(world.diary) == warm["laps"] + 3 * measured.facts["laps"]


def test_short_laps_follow_one_of_their_own_that_does_not_count() -> None:
    world = World()
    measured = run(world, {"one": lambda row: 1.0, "two": lambda row: 50.0}, seconds=20)
    counted = world.diary[measured.facts["warm_up"]["laps"] :]
    assert Counter(name for name, _ in counted) == {
        "one": 4 * measured.facts["laps"],
        "two": measured.facts["laps"],
    }


def test_percentiles_that_the_laps_do_not_support_are_not_given() -> None:
    few = run(World(), {"one": noisy(1)}, seconds=20, within=1e-9, queries=3)
    assert value(few, "one", "latency_p99") is not None
    slow = run(World(), {"one": lambda row: 100.0 + row}, seconds=10)
    assert 29 <= slow.facts["laps"] < 59
    assert value(slow, "one", "latency_p90") is not None
    assert value(slow, "one", "latency_p95") is None and value(slow, "one", "latency_p99") is None
    assert value(slow, "one", "latency_max") == max(slow.laps["ns"].to_pylist()) / 1e6
    assert value(few, "one", "latency_max") is None


def test_figures_follow_from_the_laps_alone() -> None:
    measured = run(World(), {"one": noisy(1), "two": noisy(2)})
    systems = {name: RecordedSystem("toy", name) for name in ("one", "two")}
    again = {(f.system, f.stage, f.quantity): f.value for f in figures(measured.laps, "one", systems)}
    assert again == {(row.system, row.stage, row.quantity): row.value for row in measured.rows}
    half = value(measured, "one", "latency_p50", "encode/planted")
    assert half == pytest.approx((value(measured, "one", "latency_p50") or 0) / 4, rel=1e-6)


def test_laps_that_other_work_interrupted_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(10**9))
    monkeypatch.setattr("harness.latency.single_stream_session.involuntary_switches", lambda: next(left) // 4)
    measured = run(World(), {"one": noisy(1)}, seconds=1)
    counted = [bool(n) for n in measured.laps.filter(pc.equal(measured.laps["arm"], ""))["switches"].to_pylist()]
    assert measured.facts["interrupted"] == {"one": round(sum(counted) / len(counted), 3)}
    (doubt,) = caveats({"toy": measured.facts | {"inconclusive": False, "interrupted": {"one": 0.3, "two": 0.2}}})
    assert "more than a quarter of the laps of one;" in doubt
    assert "the two measurements of the reference 'one' differ" in next(
        caveats({"toy": measured.facts | {"inconclusive": True}})
    )


def test_the_suite_may_name_the_reference() -> None:
    measured = run(World(), {"one": noisy(1), "two": noisy(2)}, reference="two")
    assert measured.facts["reference"] == "two"
    assert value(measured, "one", "latency_ratio") == pytest.approx(1, rel=0.03)


def test_a_system_that_stops_answering_says_so() -> None:
    def fail(row: int) -> float:
        raise LapFailed("one", "no luck")

    with pytest.raises(LapFailed, match="no luck"):
        run(World(), {"one": fail})


def test_queries_are_distinct_and_of_all_lengths() -> None:
    texts = ["a", "a", "bb", "cccc", "ddddd", "e" * 50, "a", "f" * 51]
    random = np.random.default_rng(0)
    assert choose_queries(texts, 100, random).tolist() == [0, 2, 3, 4, 5, 7]
    for _ in range(20):
        short, middle, long = choose_queries(texts, 3, random).tolist()
        assert short in (0, 2) and middle in (3, 4) and long in (5, 7)


def test_blocks_hold_queries_of_all_lengths_and_rounds_hold_all() -> None:
    rows = np.arange(200)
    found = list(islice(blocks_of(rows, 10, np.random.default_rng(0)), 40))
    assert sorted(chain(*found[:20])) == sorted(chain(*found[20:])) == rows.tolist()
    assert found[:20] != found[20:]
    for block in found:
        assert len(block) == 10 and {row // 20 for row in block} == set(range(10))
    assert sorted(next(blocks_of(np.arange(3), 10, np.random.default_rng(0)))) == [0, 1, 2]


def test_warm_is_when_a_pass_takes_as_long_as_the_last() -> None:
    before = np.ones((2, 20))
    assert is_steady(before, before * 1.04)
    assert not is_steady(before, before * np.array([[1.0], [0.9]]))
