"""Fresh processes: what a system takes up to its first answer, and what each stage takes of memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.latency import process as fresh
from harness.latency.bench import Bench
from harness.latency.opened_system import open_systems
from harness.latency.process_tasks import watched
from harness.plan.prepare import prepare_plan
from harness.results.left_out import LeftOut, Unmeasured
from harness.stage import Runtime
from harness.suite.latency import Latency

SYSTEMS = """
  bm25: [{index: bm25}]
  dense: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat}]
"""


Write = Callable[..., Path]


def benched(suite: Path, systems: list[str] | None = None) -> Bench:
    plan, store = prepare_plan(suite, systems, None, suite.parent / "store", "cpu", fetch=True)
    assert not execute(plan, store, Runtime(), Silent()).failed
    lanes, _ = open_systems(plan, plan.targets, store, Runtime())
    words = Latency.model_validate({"cold": {"starts": 2}})
    return Bench(plan, store, Runtime(), words, "toy", plan.targets, tuple(lanes))


@pytest.fixture
def bench(write_suite: Write) -> Bench:
    return benched(write_suite(SYSTEMS))


def test_cold_starts_are_really_made(bench: Bench) -> None:
    found = fresh.measure_cold(bench)
    names = ["cold_import", "cold_open", "cold_first_query", "cold_total"]
    assert [(row.system, row.quantity) for row in found.rows] == [(s, n) for s in ("bm25", "dense") for n in names]
    for system in ("bm25", "dense"):
        *parts, total = (row.value or 0 for row in found.rows if row.system == system)
        assert all(part > 0 for part in parts) and total == pytest.approx(sum(parts), rel=0.5)
    assert {row.n for row in found.rows} == {2} and {row.low for row in found.rows} == {None}
    assert found.said["left_out"] == LeftOut().words() and set(found.said["plan_seconds"]) == {"bm25", "dense"}
    json.dumps(found.said)


def test_starts_become_medians_with_their_interval(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []

    def start(_: Bench, lane: Any, libraries: list[str], query: int) -> dict[str, Any]:
        told.append(libraries)
        k = len(told)
        return {"import": 10.0 * k, "plan": 1.0, "open": 1.0 * k, "first_query": 0.1, "libraries": ["json"]}

    monkeypatch.setattr(fresh, "ask", start)
    words = Latency.model_validate({"cold": {"starts": 6}})
    found = fresh.measure_cold(Bench(**{**vars(bench), "words": words, "lanes": bench.lanes[:1]}))
    assert told == [[], *[["json"]] * 6]
    opened = next(row for row in found.rows if row.quantity == "cold_open")
    assert (opened.value, opened.low, opened.high, opened.n) == (4.5, 2.0, 7.0, 6)


def test_the_memory_of_every_stage(bench: Bench) -> None:
    found = fresh.measure_memory(bench)
    dense = ["encode/hashing", "reduce/truncate", "index/flat"]
    stages = [row.stage for row in found.rows if row.quantity == "peak_rss_bytes" and row.system == "dense"]
    assert stages == [*dense, "encode/hashing of queries", "reduce/truncate of queries", "search/flat"]
    rows = [(one["stage"], one["rows"]) for one in found.said["rows"] if one["system"] == "dense"]
    measured = [(row.stage, row.n) for row in found.rows if row.quantity == "peak_rss_bytes" and row.system == "dense"]
    assert rows == measured, "the documents of an encoder are not taken for its queries"
    base = found.said["base_rss_bytes"]
    for row in found.rows:
        assert row.quantity in ("peak_rss_bytes", "peak_pss_bytes") and row.unit == "bytes"
        assert row.value and 10e6 < row.value < 4e9
        assert row.quantity == "peak_pss_bytes" or row.value >= base * 0.9
    assert found.said["left_out"] == LeftOut().words()


def test_a_process_that_dies_leaves_out_its_system(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plan.suite.file.write_text("no suite any more")
    found = fresh.measure_cold(bench)
    assert found.rows == [] and set(found.said["left_out"]["systems"]) == {"bm25", "dense"}
    assert "a suite is a mapping" in found.said["left_out"]["systems"]["bm25"]
    assert fresh.measure_memory(bench).rows == []


def test_a_process_that_dies_late_leaves_out_its_system(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def start(_: Bench, lane: Any, libraries: list[str], query: int) -> dict[str, Any]:
        asked.append(lane.system)
        if lane.system == "dense" and asked.count("dense") == 2:
            raise fresh.Died("killed")
        return {"import": 1.0, "plan": 1.0, "open": 1.0, "first_query": 1.0, "libraries": []}

    monkeypatch.setattr(fresh, "ask", start)
    found = fresh.measure_cold(bench)
    assert found.said["left_out"] == LeftOut(systems={"dense": "killed"}).words()
    assert {row.system for row in found.rows} == {"bm25"}
    assert (asked.count("bm25"), asked.count("dense")) == (3, 2)


def test_a_stage_whose_process_dies_is_named_for_each_system_that_has_it(
    write_suite: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benched(write_suite("  one: [{index: bm25}]\n  two: [{index: bm25}, {arrange: top, tokens: 50}]"))
    asked: list[str] = []

    def work(_: Bench, lane: Any, libraries: list[str], query: int, work: fresh.Work) -> dict[str, Any]:
        asked.append(work.stage)
        if work.stage == "index/bm25":
            raise fresh.Died("killed")
        return {"peak_rss": 1e6}

    monkeypatch.setattr(fresh, "ask", work)
    found = fresh.measure_memory(bench)
    missing = [Unmeasured(system, "index/bm25", None, "killed") for system in ("one", "two")]
    assert found.said["left_out"] == LeftOut(quantities=missing).words()
    assert asked.count("index/bm25") == 1 and "index/bm25" not in {row.stage for row in found.rows}


def test_what_the_store_lost_leaves_out_its_systems(bench: Bench) -> None:
    bench.store.remove(bench.targets[0].chain.corpus.fingerprint)
    found = fresh.measure_memory(bench)
    assert found.rows == [] and set(found.said["left_out"]["systems"]) == {"bm25", "dense"}


def test_an_arranger_works_alone_whatever_else_the_suite_holds(write_suite: Write) -> None:
    others = "  other: [{encode: dense, model: gone}, {index: flat}]"
    suite = write_suite(
        "  'read [50]': [{index: bm25}, {arrange: top, tokens: 50}]\n" + others, "models: {gone: {path: ./gone}}"
    )
    bench = benched(suite, ["read*"])
    found = fresh.measure_memory(bench)
    stages = [row.stage for row in found.rows if row.quantity == "peak_rss_bytes"]
    assert stages == ["index/bm25", "search/bm25", "arrange/top"] and found.said["left_out"] == LeftOut().words()
    assert fresh.ask(bench, bench.lanes[0], [], 0)["first_query"] > 0


def test_the_largest_of_what_is_held_meanwhile_is_seen() -> None:
    with watched() as seen:
        held = np.ones(20_000_000)
        del held
        larger = np.ones(30_000_000)
    if not seen:
        pytest.skip("this system does not say what a process shares")
    assert max(seen) >= larger.nbytes
