"""The mode `memory`: the peak memory of each stage, measured in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from harness.errors import HarnessError
from harness.fingerprint import Fingerprint
from harness.latency.bench import Bench
from harness.latency.fresh_process import run_fresh_process
from harness.latency.opened_system import OpenedSystem
from harness.latency.opener import Opener, refuse_service
from harness.latency.target_stages import document_stages
from harness.plan import Target
from harness.results import Measurement
from harness.results.left_out import LeftOut, Unmeasured
from harness.results.measured import Measured
from harness.stage import Node
from harness.stage.node import query_side_name

QUERIES = 100
"""How many queries a stage on the query side answers while its memory is measured."""


class StageTask(NamedTuple):
    """A stage whose memory is measured: its name in a system, its node, and how many rows it processes."""

    stage: str
    node: Node
    rows: int


def measure_memory(bench: Bench) -> Measured:
    """Let each stage of the systems of a data set work in a process of its own, and record the memory that it takes.

    A stage that several systems share is measured once. Chunkers and indexers process all documents, other stages on
    the document side one chunk of them, stages on the query side 100 queries. `left_out` names the stages that fail.
    """
    opener = Opener(bench.plan, bench.store, bench.runtime)
    peaks: dict[Fingerprint, dict[str, Any]] = {}
    failed: dict[Fingerprint, str] = {}
    left_out = LeftOut()
    rows: list[Measurement] = []
    processed: list[dict[str, Any]] = []
    for opened, target in zip(bench.systems, bench.targets, strict=True):
        try:
            tasks = list(stage_tasks(opened, target, opener))
        except HarnessError as error:
            left_out.systems[opened.system] = str(error)
            continue
        for task in tasks:
            key = task.node.fingerprint
            if key not in peaks and key not in failed:
                try:
                    peaks[key] = _peaks(bench, opened, task)
                except HarnessError as error:
                    failed[key] = str(error)
            if key in failed:
                left_out.quantities.append(Unmeasured(opened.system, task.stage, None, failed[key]))
                continue
            rows += _rows(opened, task, peaks[key])
            processed.append({"system": opened.system, "stage": task.stage, "rows": task.rows})
    facts: dict[str, Any] = {"rows": processed, "left_out": left_out.as_dict()}
    base = [each["base_rss"] for each in peaks.values() if each.get("base_rss")]
    return Measured(rows, facts=facts | ({"base_rss_bytes": int(np.median(base))} if base else {}))


def stage_tasks(opened: OpenedSystem, target: Target, opener: Opener) -> Iterator[StageTask]:
    """Yield the stages of a system, the document side first. Raises HarnessError if the store has lost an input."""
    documents = document_stages(target)
    for stage, node in documents.items():
        count = len(opener.load(node.stream[0]))
        yield StageTask(stage, node, min(node.stage.chunk_rows, count) if node.stage.rowwise else count)
    for stage, node in zip(opened.stage_names, opener.query_nodes(target), strict=True):
        yield StageTask(query_side_name(stage, documents), node, min(QUERIES, len(opened.queries)))


def _peaks(bench: Bench, opened: OpenedSystem, task: StageTask) -> dict[str, Any]:
    refuse_service(task.node, services=bench.settings.services)
    return run_fresh_process(bench, opened, node=task.node.fingerprint, rows=task.rows)


def _rows(opened: OpenedSystem, task: StageTask, peaks: dict[str, Any]) -> Iterator[Measurement]:
    for name in ("peak_rss", "peak_pss", "peak_gpu", "gpu_by_driver"):
        if peaks.get(name):
            yield Measurement.of(opened, f"{name}_bytes", peaks[name], "bytes", stage=task.stage, n=task.rows)
