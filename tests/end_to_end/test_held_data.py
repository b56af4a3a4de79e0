"""What a run works out once it shares, and what it opened it lets go of."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import harness
from harness.measures.scoring.gold_spans import Gold
from harness.stages.score import qrels, spans
from tests.end_to_end.test_passages import write_spans

MAPS = Path("/proc/self/maps")
SYSTEMS = """
  "bm25-{k1}":
    matrix: {k1: [0.6, 0.9, 1.2]}
    stages: [{index: bm25, k1: "{k1}"}]
"""
CHUNKED = """
name: chunked
datasets: {d: {source: jsonl, path: data}}
measures: [span_recall@2, span_iou@2, passage_R@2]
depth: 5
systems:
  "bm25-{k1}":
    matrix: {k1: [0.6, 0.9, 1.2]}
    stages: [{chunk: recursive, size: 30}, {index: bm25, k1: "{k1}"}, {collapse: max}]
"""


def counted(function: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def call(*given: Any, **more: Any) -> Any:
        calls.append(function.__name__)
        return function(*given, **more)

    return call


def test_judgements_are_resolved_once_for_all_systems(
    write_suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(qrels, "resolve", counted(qrels.resolve, calls))
    results = harness.run(write_suite(SYSTEMS), results=tmp_path / "r", store=tmp_path / "s")
    assert len(results.systems) == 3 and results.run["status"] == "complete"
    assert len(calls) == 2, "once for each of two measures, whatever the number of systems"


def test_spans_are_resolved_once_for_all_systems_over_the_same_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(spans, "Gold", SimpleNamespace(of=counted(Gold.of, calls)))
    write_spans(tmp_path / "data")
    (tmp_path / "suite.yaml").write_text(CHUNKED)
    results = harness.run(tmp_path / "suite.yaml", results=tmp_path / "r", store=tmp_path / "s")
    assert len(results.systems) == 3 and results.run["status"] == "complete"
    assert len(calls) == 3, "once for each of three measures, whatever the number of systems"


@pytest.mark.skipif(not MAPS.exists(), reason="only Linux lists what is mapped")
def test_nothing_of_the_store_is_held_open_after_a_run(write_suite: Callable[..., Path], tmp_path: Path) -> None:
    suite = write_suite(head="latency: {queries: 5, seconds: 1}")
    results = harness.run(suite, results=tmp_path / "r", store=tmp_path / "s")
    assert results.run["status"] == "complete"
    gc.collect()
    held = [line for line in MAPS.read_text().splitlines() if str(tmp_path / "s") in line]
    assert not held
