"""Systems opened for timing: they answer as the recorded runs do, anew in each lap, and share what is opened."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.latency.opened_system import OpenedSystem
from harness.latency.opener import open_systems
from harness.latency.target_stages import stored_inputs
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.search.exact import rescored
from harness.stage import Rescorer, Runtime
from harness.stages.encode.hashing import HashingEncoder
from harness.store import Store

SYSTEMS = """
  bm25: [{index: bm25}]
  dense: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat}]
  hybrid: [{fuse: rrf, of: [bm25, dense], k: 60}]
  again: [{from: dense}, {rerank: hashed, dim: 96, depth: 7}]
  joint: [{fuse: joint, of: [bm25, dense]}]
  tuned: [{fuse: rrf, of: [bm25, dense], tune: {measure: nDCG@10, folds: 3, k: [1, 60]}}]
"""
Write = Callable[..., Path]


class Hashed(Rescorer):
    """Order by the vectors of `encode: hashing`."""

    name = "hashed"
    encoder: ClassVar[str] = "encode/hashing"

    def open(self, runtime: Runtime, documents: Vectors, queries: Vectors) -> Callable[[Run], Run]:
        """Hold the vectors."""

        def rerank(run: Run) -> Run:
            candidates = run.documents[:, : self.depth]
            head = rescored(documents.array, queries.array[run.rows.start : run.rows.stop], candidates, "cosine")
            return run.led_by(Run(head.documents, head.scores, run.rows))

        return rerank


@pytest.fixture(autouse=True)
def _hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES._items, "rerank/hashed", Hashed)


def executed(suite: Path) -> tuple[Plan, Store]:
    plan, store = prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)
    assert not execute(plan, store, Runtime(), Silent()).failed
    return plan, store


def opened(plan: Plan, store: Store, **options: Any) -> dict[str, OpenedSystem]:
    systems, left_out = open_systems(plan, plan.targets, store, Runtime(), **options)
    assert not left_out
    return {each.system: each for each in systems}


def test_opened_systems_answer_as_the_recorded_runs_do(write_suite: Write) -> None:
    plan, store = executed(write_suite(SYSTEMS))
    systems = opened(plan, store)
    for target in plan.targets:
        if target.system == "tuned":
            continue  # its folds have different candidates
        run = store.load(target.run.fingerprint, Run)
        assert systems[target.system].fingerprint == target.run.fingerprint
        for rows in (slice(0, 1), slice(5, 6), slice(3, 12)):
            found = systems[target.system].batch(rows)
            assert (found.documents == run.documents[rows]).all() and found.rows == range(rows.start, rows.stop)


def test_stages_are_named_in_order_and_each_is_done_once(write_suite: Write) -> None:
    systems = opened(*executed(write_suite(SYSTEMS)))
    dense = ("encode/hashing", "reduce/truncate", "search/flat")
    assert systems["dense"].stage_names == dense
    assert systems["hybrid"].stage_names == ("search/bm25", *dense, "fuse/rrf")
    assert systems["again"].stage_names == (*dense, "encode/hashing#2", "rerank/hashed")
    assert systems["joint"].stage_names == ("encode/hashing", "reduce/truncate", "fuse/joint")
    assert systems["tuned"].stage_names == ("search/bm25", *dense, "fuse/rrf")


def test_equal_stages_share_what_is_opened(write_suite: Write) -> None:
    systems = opened(*executed(write_suite(SYSTEMS)))
    calls = [stage.call for name in ("dense", "hybrid", "again") for stage in systems[name].stages]
    assert len(calls) == 13 and len(set(map(id, calls))) == 7
    assert systems["bm25"].queries is systems["tuned"].queries
    assert [stage.releases_gil for stage in systems["hybrid"].stages] == [False, False, False, True, False], (
        "search: flat alone"
    )


def test_a_lap_ends_with_what_a_reader_gets(write_suite: Write) -> None:
    plan, store = executed(write_suite(SYSTEMS + "  read: [{from: bm25}, {arrange: top, tokens: 50}]\n"))
    system, target = opened(plan, store)["read"], plan.targets[-1]
    assert system.stage_names == ("search/bm25", "arrange/top") and system.fingerprint == target.run.fingerprint
    node = target.chain.contexts
    assert node is not None
    found, kept = system.batch(slice(2, 4)), store.load(node.fingerprint, node.gives).take(slice(2, 4))
    assert found.rows == kept.rows and type(found) is type(kept)


def test_every_lap_encodes_anew(write_suite: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = executed(write_suite(SYSTEMS))
    asked: list[tuple[int, range]] = []
    honest = HashingEncoder.open

    def watched(stage: HashingEncoder, *given: Any) -> Callable[[Any], Vectors]:
        call = honest(stage, *given)

        def encode(texts: Any) -> Vectors:
            asked.append((stage.dim, texts.rows))
            return call(texts)

        return encode

    monkeypatch.setattr(HashingEncoder, "open", watched)
    systems = opened(plan, store)
    assert asked == []
    for _ in range(2):
        systems["again"].lap(4)
    assert asked == [(64, range(4, 5)), (96, range(4, 5))] * 2


def test_a_lap_is_the_sum_of_its_stages_and_nothing_is_collected_in_it(write_suite: Write) -> None:
    system = opened(*executed(write_suite(SYSTEMS)))["hybrid"]
    seen: list[bool] = []
    first, *others = system.stages

    def look(asked: Any) -> Any:
        seen.append(gc.isenabled())
        return first.call(asked)

    lap = replace(system, stages=(first._replace(call=look), *others)).lap(2)
    assert sum(lap.spans) == lap.ns > 0 and len(lap.spans) == len(system.stages)
    assert seen == [False] and gc.isenabled()


def test_the_device_is_waited_for_behind_every_stage(write_suite: Write) -> None:
    system = opened(*executed(write_suite(SYSTEMS)))["dense"]
    waited: list[int] = []
    replace(system, wait=lambda: waited.append(1)).lap(0)
    assert len(waited) == len(system.stages)


def test_a_tuned_fusion_is_timed_as_the_candidate_that_is_best(write_suite: Write) -> None:
    plan, store = executed(write_suite(SYSTEMS))
    target = next(target for target in plan.targets if target.system == "tuned")
    means = [np.nanmean(store.load(node.fingerprint, node.gives).values) for node in target.run.static if node]
    best = target.run.stream[int(np.argmax(means))]
    found, run = opened(plan, store)["tuned"].batch(slice(0, 12)), store.load(best.fingerprint, Run)
    assert (found.documents == run.documents).all() and (found.scores == run.scores).all()


def test_what_cannot_be_timed_says_why(write_suite: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.trec").write_text("q000 Q0 d00001 1 2.5 other\n")
    systems = SYSTEMS + "  file: [{runfile: other.trec}]\n  both: [{fuse: rrf, of: [bm25, file]}]\n"
    plan, store = executed(write_suite(systems))
    monkeypatch.setattr(HashingEncoder, "service", True)
    systems, left_out = open_systems(plan, plan.targets, store, Runtime())
    assert [each.system for each in systems] == ["bm25"]
    assert left_out["toy", "file"] == left_out["toy", "both"] == "a run file has no latency"
    assert left_out["toy", "dense"].startswith("'encode: hashing' calls a service")
    assert len(open_systems(plan, plan.targets, store, Runtime(), services=True)[0]) == 6


def test_what_systems_hold_is_known_before_they_are_opened(write_suite: Write) -> None:
    plan, store = executed(write_suite(SYSTEMS))
    needed = {node.fingerprint for target in plan.targets for node in stored_inputs(target)}
    lost = {node.fingerprint for node in plan.nodes} - needed - {plan.targets[0].chain.queries.fingerprint}
    for name in lost:
        store.remove(name)
    assert len(opened(plan, store)) == 6


def test_a_stage_that_does_not_open_leaves_out_its_systems(write_suite: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = executed(write_suite(SYSTEMS))

    def fail(*_: Any) -> None:
        raise ArithmeticError("no luck")

    monkeypatch.setattr(HashingEncoder, "open", fail)
    systems, left_out = open_systems(plan, plan.targets, store, Runtime())
    assert [each.system for each in systems] == ["bm25"]
    assert left_out["toy", "hybrid"] == "encode: hashing: ArithmeticError: no luck"
