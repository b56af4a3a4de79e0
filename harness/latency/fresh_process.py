"""Fresh processes: each receives one request, answers with one line of JSON, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from harness.errors import HarnessError
from harness.execute.threads import environment
from harness.fingerprint import Fingerprint
from harness.latency.bench import Bench
from harness.latency.opened_system import OpenedSystem


class ProcessDied(HarnessError):
    """A fresh process ended without an answer; the message is the last line of its standard error."""


def run_fresh_process(
    bench: Bench,
    opened: OpenedSystem,
    *,
    libraries: Sequence[str] = (),
    query: int = 0,
    node: Fingerprint | None = None,
    rows: int = 0,
) -> dict[str, Any]:
    """Run one task of `process_tasks` in a fresh process and return its answer.

    Without `node` the task is `cold`: it imports `libraries` first, and answers the query in row `query`. With `node`
    it is `memory`: the stage of that node processes `rows` rows. Raises ProcessDied if the process gives no answer.
    """
    runtime = bench.runtime
    request = {
        "suite": str(bench.plan.suite.file),
        "store": str(bench.store.root.absolute()),
        "dataset": opened.dataset,
        "system": opened.system,
        "device": runtime.device,
        "threads": runtime.threads,
        "services": bench.settings.services,
        "libraries": list(libraries),
        "query": query,
        "node": node,
        "rows": rows,
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
