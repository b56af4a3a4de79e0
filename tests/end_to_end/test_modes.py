"""The modes offline and server on a toy suite: everything that they promise stands in the result files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from harness.api import run
from harness.errors import SuiteError
from harness.results import Measurement, Results
from harness.results.left_out import LeftOut, Unmeasured
from harness.stages.index.bm25 import Bm25Indexer
from harness.verify import verify

Write = Callable[..., Path]
SYSTEMS = """
  bm25: [{index: bm25}]
  dense: [{chunk: sentences, size: 8, by: words}, {encode: hashing, dim: 64}, {index: flat}, {collapse: max}]
  hybrid: [{fuse: rrf, of: [bm25, dense], k: 60}]
"""


def measured(suite: Path) -> Results:
    return run(suite, results=suite.parent / "results", store=suite.parent / "store", device="cpu")


def rows_of(results: Results, system: str) -> dict[tuple[str | None, str], Measurement]:
    return {(row.stage, row.quantity): row for row in results.measurements if row.system == system}


def said_by(results: Results, mode: str) -> dict[str, Any]:
    found: dict[str, Any] = results.part("latency")["toy"][mode]
    return found


def test_offline_measures_queries_and_documents(write_suite: Write) -> None:
    head = "latency: {modes: [offline], offline: {batch_sizes: [1, 4, 32], seconds: 0.01, documents: 40}}"
    results = measured(write_suite(SYSTEMS, head))
    found = rows_of(results, "hybrid")
    stages = ["search/bm25", "encode/hashing", "search/flat", "collapse/max", "fuse/rrf"]
    for size in (1, 4):
        whole = found[None, f"query_rate@{size}"]
        assert whole.unit == "queries/s" and whole.n == 6
        assert 0 < whole.low <= whole.value <= whole.high
        assert all(found[stage, f"query_rate@{size}"].value > whole.value for stage in stages)
    for size in (1, 4, 32):
        assert found["encode/hashing", f"encode_rate@{size}"].unit == "passages/s"
    assert found["chunk/sentences", "chunk_rate"].unit == "documents/s"
    assert found["index/flat", "index_rate"].unit == "passages/s"
    assert found["index/bm25", "index_rate"].unit == "documents/s"
    assert found["index/bm25", "build_seconds"].unit == "s", "what the artifact took when it was made is told as before"
    said = said_by(results, "offline")
    names, reason = ("bm25", "dense", "hybrid"), "the data set has 12 queries"
    few = [Unmeasured(name, None, "query_rate@32", reason) for name in names]
    assert said["left_out"] == LeftOut(quantities=few).as_dict()
    assert (None, "query_rate@32") not in found
    rows = {(one["system"], one["stage"], one["quantity"]): one["rows"] for one in said["rows_a_repeat"]}
    assert rows["bm25", "index/bm25", "index_rate"] == 60
    assert rows["bm25", None, "query_rate@4"] in (4, 8, 12)
    assert said["batch_sizes"] == [1, 4, 32]
    shared = [rows_of(results, name)["index/bm25", "index_rate"].value for name in ("bm25", "hybrid")]
    assert shared[0] == shared[1], "what two systems share is measured once"
    assert results.latency().num_rows == 0


def test_a_stage_that_fails_leaves_out_its_figure_and_no_other(
    write_suite: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "latency: {modes: [offline], systems: bm25, offline: {batch_sizes: [1], seconds: 0.01}}"
    suite = write_suite(SYSTEMS, head)
    measured(suite)
    monkeypatch.setattr(Bm25Indexer, "open", lambda stage, runtime: lambda corpus: [][1])
    results = measured(suite)
    found = rows_of(results, "bm25")
    assert found[None, "query_rate@1"].value > 0, "the index is that of the store"
    assert ("index/bm25", "index_rate") not in found
    missing = Unmeasured("bm25", "index/bm25", "index_rate", "index: bm25: IndexError: list index out of range")
    assert said_by(results, "offline")["left_out"] == LeftOut(quantities=[missing]).as_dict()


def test_server_keeps_every_response_and_brackets_a_rate(write_suite: Write) -> None:
    server = "{p99_ms: 10, seconds: 0.01, timeout_ms: 5000, rates: [2000]}"
    head = f"latency: {{modes: [server], systems: bm25, queries: 10, server: {server}}}"
    results = measured(write_suite(SYSTEMS, head))
    found, said = rows_of(results, "bm25"), said_by(results, "server")
    middle, tail = (found[None, f"server_{name}@2000"] for name in ("p50", "p99"))
    assert 0 < middle.value <= found[None, "server_p95@2000"].value <= tail.value
    assert middle.unit == "ms" and middle.low <= middle.value <= middle.high
    assert found[None, "server_errors@2000"].n == tail.n == 473
    system = said["systems"]["bm25"]
    assert system["offers"][0]["rate"] == 2000 and system["workers"] == "threads"
    best, bracket = found.get((None, "server_max_rate")), system["highest"]
    assert (best is None) == (bracket["low"] is None), "on a machine that is too busy no rate holds"
    if best is not None:
        assert (best.value, best.low, best.high) == (bracket["low"], bracket["low"], bracket["high"])
        assert found[None, f"server_p99@{best.value:.10g}"].value <= 10
    assert verify(results.folder).differs == []
    laps = results.latency()
    assert laps.num_rows == sum(offer["requests"] for offer in system["offers"])
    first = laps.filter(pc.equal(laps["block"], 0))
    assert first["order"].to_pylist() == list(range(473))
    assert set(laps["mode"].to_pylist()) == {"server"} and set(laps["stage"].to_pylist()) == {None}
    assert len(set(first["query_id"].to_pylist())) == 10
    assert min(laps["ns"].to_pylist()) > 0


def test_a_system_without_a_rate_that_holds_is_named(write_suite: Write) -> None:
    head = "latency: {modes: server, systems: bm25, server: {p99_ms: 0.001, seconds: 0.01}}"
    results = measured(write_suite(SYSTEMS, head))
    said = said_by(results, "server")
    lowest = min(offer["rate"] for offer in said["systems"]["bm25"]["offers"])
    reason = f"no rate down to {lowest:g} queries/s kept p99 within 0.001 ms"
    assert said["left_out"] == LeftOut(systems={"bm25": reason}).as_dict()
    assert not [name for _, name in rows_of(results, "bm25") if name.startswith("server")]


def test_a_changed_number_of_responses_is_found(write_suite: Write) -> None:
    head = "latency: {modes: [server], systems: bm25, server: {p99_ms: 10, seconds: 0.01, rates: [2000]}}"
    folder = measured(write_suite(SYSTEMS, head)).folder
    lines = (folder / "measurements.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    place = next(place for place, row in enumerate(rows) if row["quantity"] == "server_p95@2000")
    lines[place] = json.dumps(rows[place] | {"value": rows[place]["value"] * 1.01})
    (folder / "measurements.jsonl").write_text("\n".join(lines) + "\n")
    assert any("server_p95@2000 of bm25 on toy: value is" in str(found) for found in verify(folder).differs)


def test_several_workers_are_processes_where_the_stages_hold_the_lock(write_suite: Write) -> None:
    server = "{p99_ms: 10, seconds: 0.01, workers: 2, rates: [500]}"
    head = f"latency: {{modes: [server], systems: [bm25], server: {server}}}"
    results = measured(write_suite("  bm25: [{index: bm25}]", head))
    said = said_by(results, "server")["systems"]["bm25"]
    assert said["workers"] == "processes"
    assert said["outside_lock"] == 0
    assert said["offers"][0]["failed"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("modes: [servr]", "unknown mode 'servr'; did you mean 'server'?"),
        ("server: {p99: 5}", "unknown key 'p99'; did you mean 'p99_ms'?"),
        ("server: {by: thread}", "'threads'"),
        ("offline: {batch_sizes: [0]}", "batch sizes must be distinct and at least 1"),
        ("offline: {repeats: 5}", "greater than or equal to 6"),
    ],
)
def test_wrong_words_are_named(write_suite: Write, words: str, message: str) -> None:
    with pytest.raises(SuiteError, match=r"toy\.yaml:2") as raised:
        measured(write_suite(SYSTEMS, f"latency: {{{words}}}"))
    assert message in str(raised.value)
