"""Fresh processes: what a system takes up to its first answer, and what each stage takes of memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.fingerprint import Fingerprint
from harness.latency import cold_start, memory
from harness.latency.bench import Bench
from harness.latency.cold_start import measure_cold
from harness.latency.fresh_process import ProcessDied, run_fresh_process
from harness.latency.memory import measure_memory
from harness.latency.memory_counters import sampled_pss
from harness.latency.opened_system import OpenedSystem
from harness.latency.opener import open_systems
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
    systems, _ = open_systems(plan, plan.targets, store, Runtime())
    settings = Latency.model_validate({"cold": {"starts": 2}})
    return Bench(plan, store, Runtime(), settings, "toy", plan.targets, tuple(systems))


@pytest.fixture
def bench(write_suite: Write) -> Bench:
    return benched(write_suite(SYSTEMS))


def test_cold_starts_are_really_made(bench: Bench) -> None:
    found = measure_cold(bench)
    names = ["cold_import", "cold_open", "cold_first_query", "cold_total"]
    assert [(row.system, row.quantity) for row in found.rows] == [(s, n) for s in ("bm25", "dense") for n in names]
    for system in ("bm25", "dense"):
        *parts, total = (row.value or 0 for row in found.rows if row.system == system)
        assert all(part > 0 for part in parts) and total == pytest.approx(sum(parts), rel=0.5)
    assert {row.n for row in found.rows} == {2} and {row.low for row in found.rows} == {None}
    assert found.facts["left_out"] == LeftOut().as_dict() and set(found.facts["plan_seconds"]) == {"bm25", "dense"}
    json.dumps(found.facts)


def test_starts_become_medians_with_their_interval(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[list[str]] = []

    def start(_: Bench, opened: OpenedSystem, libraries: Sequence[str] = (), query: int = 0) -> dict[str, Any]:
        imported.append(list(libraries))
        k = len(imported)
        return {"import": 10.0 * k, "plan": 1.0, "open": 1.0 * k, "first_query": 0.1, "libraries": ["json"]}

    monkeypatch.setattr(cold_start, "run_fresh_process", start)
    settings = Latency.model_validate({"cold": {"starts": 6}})
    found = measure_cold(Bench(**{**vars(bench), "settings": settings, "systems": bench.systems[:1]}))
    assert imported == [[], *[["json"]] * 6]
    opened = next(row for row in found.rows if row.quantity == "cold_open")
    assert (opened.value, opened.low, opened.high, opened.n) == (4.5, 2.0, 7.0, 6)


def test_the_memory_of_every_stage(bench: Bench) -> None:
    found = measure_memory(bench)
    dense = ["encode/hashing", "reduce/truncate", "index/flat"]
    stages = [row.stage for row in found.rows if row.quantity == "peak_rss_bytes" and row.system == "dense"]
    assert stages == [*dense, "encode/hashing of queries", "reduce/truncate of queries", "search/flat"]
    rows = [(one["stage"], one["rows"]) for one in found.facts["rows"] if one["system"] == "dense"]
    measured = [(row.stage, row.n) for row in found.rows if row.quantity == "peak_rss_bytes" and row.system == "dense"]
    assert rows == measured, "the documents of an encoder are not taken for its queries"
    base = found.facts["base_rss_bytes"]
    for row in found.rows:
        assert row.quantity in ("peak_rss_bytes", "peak_pss_bytes") and row.unit == "bytes"
        assert row.value and 10e6 < row.value < 4e9
        assert row.quantity == "peak_pss_bytes" or row.value >= base * 0.9
    assert found.facts["left_out"] == LeftOut().as_dict()


def test_a_process_that_dies_leaves_out_its_system(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plan.suite.file.write_text("no suite any more")
    found = measure_cold(bench)
    assert found.rows == [] and set(found.facts["left_out"]["systems"]) == {"bm25", "dense"}
    assert "a suite is a mapping" in found.facts["left_out"]["systems"]["bm25"]
    assert measure_memory(bench).rows == []


def test_a_process_that_dies_late_leaves_out_its_system(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start(_: Bench, opened: OpenedSystem, **_options: Any) -> dict[str, Any]:
        started.append(opened.system)
        if opened.system == "dense" and started.count("dense") == 2:
            raise ProcessDied("killed")
        return {"import": 1.0, "plan": 1.0, "open": 1.0, "first_query": 1.0, "libraries": []}

    monkeypatch.setattr(cold_start, "run_fresh_process", start)
    found = measure_cold(bench)
    assert found.facts["left_out"] == LeftOut(systems={"dense": "killed"}).as_dict()
    assert {row.system for row in found.rows} == {"bm25"}
    assert (started.count("bm25"), started.count("dense")) == (3, 2)


def test_a_stage_whose_process_dies_is_named_for_each_system_that_has_it(
    write_suite: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benched(write_suite("  one: [{index: bm25}]\n  two: [{index: bm25}, {arrange: top, tokens: 50}]"))
    names = {node.fingerprint: node.name for node in bench.plan.nodes}
    measured: list[str] = []

    def work(_: Bench, opened: OpenedSystem, node: Fingerprint, rows: int) -> dict[str, Any]:
        measured.append(names[node])
        if names[node] == "index/bm25":
            raise ProcessDied("killed")
        return {"peak_rss": 1e6}

    monkeypatch.setattr(memory, "run_fresh_process", work)
    found = measure_memory(bench)
    missing = [Unmeasured(system, "index/bm25", None, "killed") for system in ("one", "two")]
    assert found.facts["left_out"] == LeftOut(quantities=missing).as_dict()
    assert measured.count("index/bm25") == 1 and "index/bm25" not in {row.stage for row in found.rows}


def test_what_the_store_lost_leaves_out_its_systems(bench: Bench) -> None:
    bench.store.remove(bench.targets[0].chain.corpus.fingerprint)
    found = measure_memory(bench)
    assert found.rows == [] and set(found.facts["left_out"]["systems"]) == {"bm25", "dense"}


def test_an_arranger_works_alone_whatever_else_the_suite_holds(write_suite: Write) -> None:
    others = "  other: [{encode: dense, model: gone}, {index: flat}]"
    suite = write_suite(
        "  'read [50]': [{index: bm25}, {arrange: top, tokens: 50}]\n" + others, "models: {gone: {path: ./gone}}"
    )
    bench = benched(suite, ["read*"])
    found = measure_memory(bench)
    stages = [row.stage for row in found.rows if row.quantity == "peak_rss_bytes"]
    assert stages == ["index/bm25", "search/bm25", "arrange/top"] and found.facts["left_out"] == LeftOut().as_dict()
    assert run_fresh_process(bench, bench.systems[0])["first_query"] > 0


def test_the_largest_of_what_is_held_meanwhile_is_seen() -> None:
    with sampled_pss() as seen:
        held = np.ones(20_000_000)
        del held
        larger = np.ones(30_000_000)
    if not seen:
        pytest.skip("this system does not say what a process shares")
    assert max(seen) >= larger.nbytes
