"""The mode `memory`: the peak memory of each stage, measured in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.latency.bench import Bench
from harness.latency.opened_system import OpenedSystem, Opener, named, online
from harness.latency.process import StageTask, _memory
from harness.plan import Target
from harness.results import Measurement
from harness.results.left_out import LeftOut, Unmeasured
from harness.results.measured import Measured
from harness.stage import Source
from harness.stage.node import query_side_name

QUERIES = 100
"""Queries that a stage on their side answers while its memory is watched."""


def measure_memory(bench: Bench) -> Measured:
    """Let each stage of the systems of a data set work in a process of its own, and see what that takes.

    A stage that several systems share is looked at once. Chunkers and indexers work on everything, other stages on
    documents on one chunk of them, those on queries on 100. A stage that fails is named in what is said.
    """
    opener = Opener(bench.plan, bench.store, bench.runtime)
    found: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    left_out = LeftOut()
    rows: list[Measurement] = []
    counted: list[dict[str, Any]] = []
    for lane, target in zip(bench.lanes, bench.targets, strict=True):
        try:
            there = list(works(lane, target, opener))
        except HarnessError as error:
            left_out.systems[lane.system] = str(error)
            continue
        for work in there:
            name = work.node.fingerprint
            if name not in found and name not in failed:
                try:
                    found[name] = _memory(bench, lane, work)
                except HarnessError as error:
                    failed[name] = str(error)
            if name in failed:
                left_out.quantities.append(Unmeasured(lane.system, work.stage, None, failed[name]))
                continue
            rows += _bytes(lane, work, found[name])
            counted.append({"system": lane.system, "stage": work.stage, "rows": work.rows})
    said = {"rows": counted, "left_out": left_out.words()}
    base = [one["base_rss"] for one in found.values() if one.get("base_rss")]
    return Measured(rows, said=said | ({"base_rss_bytes": int(np.median(base))} if base else {}))


def works(lane: OpenedSystem, target: Target, opener: Opener) -> Iterator[StageTask]:
    """Give the stages of a system, those on the side of the documents first. HarnessError where the store lost some."""
    documents = named(target)
    for stage, node in documents.items():
        there = len(opener.load(node.stream[0]))
        yield StageTask(stage, node, min(node.stage.chunk_rows, there) if node.stage.rowwise else there)
    nodes = [node for node in online(target.answer, opener.chosen) if not isinstance(node.stage, Source)]
    for stage, node in zip(lane.stages, nodes, strict=True):
        yield StageTask(query_side_name(stage, documents), node, min(QUERIES, len(lane.queries)))


def _bytes(lane: OpenedSystem, work: StageTask, took: dict[str, Any]) -> Iterator[Measurement]:
    for name in ("peak_rss", "peak_pss", "peak_gpu", "gpu_by_driver"):
        if took.get(name):
            yield Measurement.of(lane, f"{name}_bytes", took[name], "bytes", stage=work.stage, n=work.rows)
