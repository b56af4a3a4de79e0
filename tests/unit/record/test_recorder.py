"""A recorded run: its rows can be told apart, its warnings have one order, and it names the code that was loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness import machine
from harness.api import run
from harness.execute.local import Outcome, execute
from harness.execute.progress import Silent
from harness.plan.prepare import prepare_plan
from harness.record.coverage import fit_run_files
from harness.record.made import Made
from harness.record.measures import QueryValues
from harness.record.provenance import Invocation
from harness.record.recorder import record
from harness.record.warnings import warnings
from harness.results import Measurement, Results
from harness.stage import Runtime

Write = Callable[..., Path]
TWICE = """
  wide: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat}]
  narrow: [{encode: hashing, dim: 48}, {reduce: truncate, dim: 16}, {index: flat}]
  both: [{fuse: rrf, of: [wide, narrow]}]
"""


def test_no_two_rows_have_the_same_key(write_suite: Write) -> None:
    head = "latency: {seconds: 1, modes: [single, offline, memory], offline: {batch_sizes: [1], seconds: 0.01}}"
    suite = write_suite(TWICE, head)
    results = run(suite, results=suite.parent / "results", store=suite.parent / "store", device="cpu")
    counts = Counter((row.dataset, row.system, row.stage, row.quantity) for row in results.measurements)
    assert {key for key, count in counts.items() if count > 1} == set()
    stages = {row.stage for row in results.measurements if (row.system, row.quantity) == ("both", "peak_rss_bytes")}
    assert {"encode/hashing", "encode/hashing#2", "encode/hashing of queries", "encode/hashing#2 of queries"} < stages
    sizes = {(row.system, row.stage): row for row in results.measurements if row.quantity == "artifact_bytes"}
    for system, stage in (("wide", "index/flat"), ("narrow", "index/flat#2")):
        assert sizes["both", stage].fingerprint == sizes[system, "index/flat"].fingerprint


def test_a_record_names_the_commit_at_the_start_of_the_invocation(
    write_suite: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite("  bm25: [{index: bm25}]")
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    invocation = Invocation(datetime.now(UTC), "harness run", Runtime(), commit="c0ffee")
    monkeypatch.setattr(machine, "harness_commit", lambda: "checked out later")
    outcome = execute(plan, store, Runtime(), Silent())
    results = Results.load(record(plan, outcome, store, invocation, suite.parent / "results"))
    assert results.run["harness"]["commit"] == "c0ffee"


def test_a_failure_is_recorded_with_its_reason(write_suite: Write) -> None:
    suite = write_suite("  bm25: [{index: bm25}]")
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    (target,) = plan.targets
    outcome = Outcome(failed={node.fingerprint: "no memory" for node in target.outputs})
    made = Made(plan, outcome.failed, store)
    rows = list(QueryValues(made).rows(target))
    assert [(row.quantity, row.status, row.reason, row.value) for row in rows] == [
        (measure, "failed", "no memory", None) for measure in ("nDCG@10", "R@20")
    ]
    assert made.finished == []


def test_warnings_come_in_one_order(write_suite: Write) -> None:
    suite = write_suite("  theirs: [{runfile: theirs.trec}]")
    (suite.parent / "theirs.trec").write_text("q000 Q0 d00001 1 1 x\nq000 Q0 nowhere 2 0.5 x\n")
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    made = Made(plan, execute(plan, store, Runtime(), Silent()).failed, store)
    (target,) = plan.targets
    malformed = Measurement.of(target, "malformed_answers", 2, "answers", stage="rerank/llm", n=12)
    latency = {"toy": {"reference": "theirs", "inconclusive": True}}
    answers, documents, depth, inconclusive = warnings(made, [malformed], fit_run_files(made), latency)
    assert answers == "theirs on toy: 2 of 12 answers to rerank/llm were malformed"
    assert documents.startswith("theirs on toy: the run file has 1 lines with documents that are not in the corpus")
    assert depth.startswith("theirs on toy: the run file lists at most 2 documents per query; measures at 20")
    assert inconclusive.startswith("latency on toy is inconclusive: the two measurements of the reference 'theirs'")


def test_parts_of_data_sets_are_loaded_once(write_suite: Write) -> None:
    suite = write_suite("  bm25: [{index: bm25}]")
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    made = Made(plan, {}, store)
    corpus = plan.targets[0].chain.corpus
    assert made.load(corpus) is made.load(corpus)
