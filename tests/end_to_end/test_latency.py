"""Latency from suite to results: what is timed, what is not, and that recorded numbers follow from recorded laps."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import harness
from harness.exports import export_to
from harness.latency.measure import MODES
from harness.results import LATENCY_SCHEMA, Results
from harness.results.left_out import LeftOut
from harness.results.manifest import write_manifest
from harness.stages.encode.hashing import HashingEncoder
from harness.store import Store
from harness.verify import verify

Write = Callable[..., Path]
HEAD = "latency: {seconds: 0.8, systems: [bm25, 'dense-*', hybrid]}"
TIMED = ["bm25", "dense-64", "dense-32", "hybrid"]


def run(suite: Path, **words: Any) -> Results:
    folder = suite.parent
    return harness.run(suite, results=folder / "results", store=folder / "store", **words)


def of_latency(results: Results) -> list[str]:
    return [row.quantity for row in results.measurements if row.quantity.startswith("latency")]


def test_what_is_timed_is_recorded(write_suite: Write) -> None:
    results = run(write_suite(head=HEAD))
    laps = results.latency()
    assert laps.schema == LATENCY_SCHEMA
    assert list(dict.fromkeys(laps["system"].to_pylist())) == TIMED
    said = results.part("latency")["toy"]
    assert said["reference"] == "bm25" and said["left_out"] == LeftOut().as_dict() and said["device"] == "cpu"
    whole = laps.filter(pc.is_null(laps["stage"]))
    assert len(whole) == said["laps"] * (len(TIMED) + 1)
    stages = laps.filter(pc.equal(laps["system"], "hybrid"))["stage"].unique().to_pylist()
    words = ["encode/hashing", "reduce/truncate", "search/flat"]
    assert stages == [None, "search/bm25", *words, "fuse/rrf"]
    for system in TIMED:
        row = results.measurement("toy", system, "latency_p50")
        assert row is not None and row.value is not None and row.value > 0 and row.unit == "ms"
        assert row.machine == results.run["machine"]["id"]
        assert (results.value("toy", system, "latency_ratio") is None) == (system == "bm25")
    assert results.value("toy", "tfidf", "latency_p50") is None
    spans = laps.filter(pc.is_valid(laps["stage"]))
    assert pc.sum(spans["ns"]).as_py() == pc.sum(whole["ns"]).as_py()
    counted = results.query("SELECT count(*) AS n, max(ns) AS most FROM latency WHERE stage IS NULL").to_pylist()
    assert counted == [{"n": len(whole), "most": pc.max(whole["ns"]).as_py()}]


def test_nothing_is_timed_unless_the_suite_says_so(write_suite: Write) -> None:
    results = run(write_suite())
    assert not of_latency(results) and not len(results.latency()) and "latency" not in results.run
    assert not (results.folder / "latency.parquet").exists()


def test_no_latency_leaves_it_out(write_suite: Write, harness: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    suite = write_suite(head=HEAD)
    done = harness("run", suite, "--no-latency")
    assert done.returncode == 0, done.stderr
    (folder,) = (suite.parent / "results" / "toy").iterdir()
    results = Results.load(folder)
    assert not of_latency(results) and not (folder / "latency.parquet").exists() and "latency" not in results.run
    assert not of_latency(run(suite, latency=False))


def test_a_cached_artifact_never_gives_a_latency(write_suite: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is in the store: the second run makes nothing, and yet encodes every query of every lap."""
    suite = write_suite(head=HEAD)
    first = run(suite)
    calls: list[int] = []
    honest = HashingEncoder.open

    def watched(stage: HashingEncoder, *given: Any) -> Callable[[Any], Any]:
        call = honest(stage, *given)

        def encode(texts: Any) -> Any:
            calls.append(len(texts))
            return call(texts)

        return encode

    monkeypatch.setattr(HashingEncoder, "open", watched)
    second = run(suite)
    said = second.part("latency")["toy"]
    assert set(calls) == {1} and len(calls) >= 3 * said["laps"]
    assert second.latency()["ns"].to_pylist() != first.latency()["ns"].to_pylist()


def test_what_opened_systems_hold_is_made_again_where_the_store_lost_it(write_suite: Write) -> None:
    suite = write_suite(head=HEAD)
    run(suite)
    store = Store(suite.parent / "store")
    for name in list(store):
        recipe = json.loads((store.folder(name) / "recipe.json").read_text())
        if "index/" in json.dumps(recipe):
            store.remove(name)
    assert run(suite).part("latency")["toy"]["left_out"] == LeftOut().as_dict()


def test_what_cannot_be_timed_is_named(write_suite: Write, tmp_path: Path) -> None:
    (tmp_path / "other.trec").write_text("q000 Q0 d00001 1 2.5 other\n")
    systems = "  file: [{runfile: other.trec}]\n  bm25: [{index: bm25}]"
    results = run(write_suite(systems, head="latency: {seconds: 0.8, reference: file}"))
    said = results.part("latency")["toy"]
    assert said["left_out"] == LeftOut(systems={"file": "a run file has no latency"}).as_dict()
    assert said["reference"] == "bm25"
    assert "latency on toy: 'file' could not be timed; the reference is 'bm25' instead" in results.run["warnings"]
    alone = run(write_suite("  file: [{runfile: other.trec}]", head="latency: {seconds: 0.8}"))
    assert alone.part("latency")["toy"]["left_out"] == said["left_out"]
    assert not len(alone.latency()) and verify(alone.folder).differs == []


def test_a_system_that_fails_in_a_lap_leaves_the_others_timed(
    write_suite: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(head=HEAD)
    run(suite, latency=False)

    def fail(*_: Any) -> Callable[[Any], Any]:
        def encode(_: Any) -> Any:
            raise ArithmeticError("no luck")

        return encode

    monkeypatch.setattr(HashingEncoder, "open", fail)
    results = run(suite)
    said = results.part("latency")["toy"]
    assert set(said["left_out"]["systems"]) == {"dense-64", "dense-32", "hybrid"}
    assert said["left_out"]["systems"]["hybrid"] == "encode/hashing: ArithmeticError: no luck"
    assert results.run["status"] == "complete" and results.value("toy", "bm25", "latency_p50")


def test_a_mode_that_fails_loses_nothing_else(write_suite: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> Any:
        raise ArithmeticError("no luck")

    monkeypatch.setitem(MODES, "offline", fail)  # type: ignore[misc]
    results = run(write_suite(head="latency: {seconds: 0.8, modes: [offline, single]}"))
    left_out = results.part("latency")["toy"]["left_out"]
    assert left_out == LeftOut(modes={"offline": "ArithmeticError: no luck"}).as_dict()
    assert "latency on toy: the mode offline failed: ArithmeticError: no luck" in results.run["warnings"]
    assert results.value("toy", "bm25", "latency_p50")


def test_a_system_may_be_called_like_a_mode(write_suite: Write, tmp_path: Path) -> None:
    (tmp_path / "other.trec").write_text("q000 Q0 d00001 1 2.5 other\n")
    systems = "  'mode offline': [{runfile: other.trec}]\n  bm25: [{index: bm25}]"
    results = run(write_suite(systems, head="latency: {seconds: 0.8}"))
    left_out = results.part("latency")["toy"]["left_out"]
    assert left_out == LeftOut(systems={"mode offline": "a run file has no latency"}).as_dict()
    assert not [warning for warning in results.run["warnings"] if "failed" in warning]


def test_verify_calculates_latencies_again(write_suite: Write) -> None:
    folder = run(write_suite(head=HEAD)).folder
    verdict = verify(folder)
    assert verdict.differs == [] and any("laps" in text for text in verdict.checked)
    file = folder / "measurements.jsonl"
    lines = file.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if json.loads(line)["quantity"] == "latency_p50")
    said = json.loads(lines[place])
    lines[place] = json.dumps(said | {"value": said["value"] * 0.9})
    file.write_text("\n".join(lines) + "\n")
    write_manifest(folder)
    (finding,) = verify(folder).differs
    assert "latency_p50 of bm25 on toy: value is" in finding.message and finding.place.line == place + 1


def test_verify_names_latencies_without_laps_and_laps_without_latencies(write_suite: Write) -> None:
    folder = run(write_suite(head=HEAD)).folder
    laps = pq.read_table(folder / "latency.parquet")
    pq.write_table(laps.filter(pc.not_equal(laps["system"], "hybrid")), folder / "latency.parquet")
    file = folder / "measurements.jsonl"
    kept = [line for line in file.read_text().splitlines() if json.loads(line)["quantity"] != "latency_mean"]
    file.write_text("\n".join(kept) + "\n")
    write_manifest(folder)
    messages = [finding.message for finding in verify(folder).differs]
    assert any(m.startswith("latency_ratio of hybrid on toy has no laps") for m in messages)
    assert any(m.startswith("latency_mean of bm25 on toy is missing") for m in messages)


def test_laps_go_along_in_exports(write_suite: Write, tmp_path: Path) -> None:
    results = run(write_suite(head=HEAD))
    files = {path.name: path for path in export_to("parquet", results, tmp_path / "out")}
    table: pa.Table = pq.read_table(files["latency.parquet"])
    assert table.num_rows == results.latency().num_rows and table["run"][0].as_py() == results.id
    export_to("csv", results, tmp_path / "csv")
    untimed = run(write_suite(name="untimed"))
    assert "latency.parquet" not in {path.name for path in export_to("parquet", untimed, tmp_path / "none")}
