"""Fresh processes: each is sent one request, answers with one line of JSON, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import perf_counter_ns
from typing import Any, NamedTuple

from harness.errors import HarnessError
from harness.execute.threads import environment
from harness.latency.bench import Bench
from harness.latency.opened_system import OpenedSystem
from harness.stage import Node


class ProcessDied(HarnessError):
    """A fresh process that gave no answer; the message is the last thing that it said."""


class StageTask(NamedTuple):
    """A stage whose memory is looked at: its name in a system, its node, and how many rows it works on."""

    stage: str
    node: Node
    rows: int


def _memory(bench: Bench, lane: OpenedSystem, work: StageTask) -> dict[str, Any]:
    if work.node.stage.service and not bench.words.services:
        raise HarnessError(f"'{work.node.stage.word()}' calls a service: say latency: {{services: true}}")
    return ask(bench, lane, [], 0, work)


def ask(
    bench: Bench, lane: OpenedSystem, libraries: list[str], query: int, work: StageTask | None = None
) -> dict[str, Any]:
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
        [sys.executable, "-m", "harness.latency.process_entry"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment(runtime.threads)},
    )
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise ProcessDied(last[0].strip() if last else f"the process ended with status {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
