"""The modes `cold` and `memory`: fresh processes, each of which does one thing, says what it took, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from harness.errors import HarnessError
from harness.lanes import Lane, Opener, end, online
from harness.left_out import LeftOut, Unmeasured
from harness.measured import Bench, Measured, row
from harness.offline import named
from harness.plan import Target
from harness.repeats import REPEATS, median_interval
from harness.results import Measurement
from harness.stage import Node, Source

PARTS = ("import", "open", "first_query")
QUERIES = 100
"""Queries that a stage on their side answers while its memory is watched."""
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Died(HarnessError):
    """A fresh process that gave no answer; the message is the last thing that it said."""


def measure_cold(bench: Bench) -> Measured:
    """Start every system of a data set in fresh processes up to its first answer, in turn, in an order drawn anew.

    The first start of each counts for nothing: it brings its files into the system's cache, and tells which libraries
    it needs. The others import these first, so that imports, opening and the first query stand apart. A figure is the
    median of its starts; fewer than six have no 95 % interval.
    """
    random = np.random.default_rng(bench.words.seed)
    left_out = LeftOut()
    libraries: dict[str, list[str]] = {}
    for lane in bench.lanes:
        try:
            libraries[lane.system] = ask(bench, lane, [], 0)["libraries"]
        except Died as error:
            left_out.systems[lane.system] = str(error)
    lanes = [lane for lane in bench.lanes if lane.system in libraries]
    took: dict[str, list[dict[str, float]]] = {lane.system: [] for lane in lanes}
    for _ in range(bench.words.cold.starts):
        query = int(random.integers(len(lanes[0].queries))) if lanes else 0
        for place in random.permutation(len(lanes)).tolist():
            lane = lanes[place]
            if lane.system in left_out.systems:
                continue
            try:
                took[lane.system].append(ask(bench, lane, libraries[lane.system], query))
            except Died as error:
                left_out.systems[lane.system] = str(error)
    rows = [one for lane in lanes if lane.system not in left_out.systems for one in _starts(lane, took[lane.system])]
    said = {
        "starts": bench.words.cold.starts,
        "libraries": libraries,
        "plan_seconds": {name: float(np.median([one["plan"] for one in each])) for name, each in took.items() if each},
        "left_out": left_out.words(),
    }
    return Measured(rows, said=said)


def _starts(lane: Lane, took: list[dict[str, float]]) -> Iterator[Measurement]:
    columns = {part: np.array([one[part] for one in took]) for part in PARTS}
    columns["total"] = sum(columns.values(), np.zeros(len(took)))
    for part, seconds in columns.items():
        found = median_interval(seconds)
        ends = (found.low, found.high) if len(took) >= REPEATS else (None, None)
        yield row(lane, f"cold_{part}", found.value, "s", n=found.n, low=ends[0], high=ends[1])


class Work(NamedTuple):
    """A stage whose memory is looked at: its name in a system, its node, and how many rows it works on."""

    stage: str
    node: Node
    rows: int


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


def works(lane: Lane, target: Target, opener: Opener) -> Iterator[Work]:
    """Give the stages of a system, those on the side of the documents first. HarnessError where the store lost some."""
    for stage, node in named(target).items():
        there = len(opener.load(node.stream[0]))
        yield Work(stage, node, min(node.stage.chunk_rows, there) if node.stage.rowwise else there)
    nodes = [node for node in online(end(target), opener.chosen) if not isinstance(node.stage, Source)]
    for stage, node in zip(lane.stages, nodes, strict=True):
        yield Work(stage, node, min(QUERIES, len(lane.queries)))


def _memory(bench: Bench, lane: Lane, work: Work) -> dict[str, Any]:
    if work.node.stage.service and not bench.words.services:
        raise HarnessError(f"'{work.node.stage.word()}' calls a service: say latency: {{services: true}}")
    return ask(bench, lane, [], 0, work)


def _bytes(lane: Lane, work: Work, took: dict[str, Any]) -> Iterator[Measurement]:
    for name in ("peak_rss", "peak_pss", "peak_gpu", "gpu_by_driver"):
        if took.get(name):
            yield row(lane, f"{name}_bytes", took[name], "bytes", work.stage, n=work.rows)


def ask(bench: Bench, lane: Lane, libraries: list[str], query: int, work: Work | None = None) -> dict[str, Any]:
    """Start a process for one thing and return its answer. Died where it gives none."""
    runtime = bench.runtime
    request = {
        "suite": str(bench.plan.suite.file),
        "store": str(bench.store.root.absolute()),
        "dataset": lane.dataset,
        "system": lane.system,
        "device": runtime.device,
        "threads": runtime.threads,
        "services": bench.words.services,
        "libraries": libraries,
        "row": query,
        "node": work and work.node.fingerprint,
        "rows": work.rows if work else 0,
        "started": perf_counter_ns(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "harness.fresh_process"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **dict.fromkeys(POOLS, str(runtime.threads))},
    )
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise Died(last[0].strip() if last else f"the process ended with status {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
