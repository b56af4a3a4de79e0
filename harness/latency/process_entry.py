"""The program of a fresh process: it reads one request, runs its task, writes one line of JSON, and ends.

It imports only the standard library, because the clock of `cold_import` is already running.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from time import perf_counter_ns
from typing import Any

S = 1e-9
"""Nanoseconds to seconds."""


def main() -> None:
    """Answer the request on standard input. What libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        for name in request["libraries"]:
            importlib.import_module(name)
        from harness.latency import process_tasks

        imported = perf_counter_ns()
        facts: dict[str, Any] = {"import": (imported - request["started"]) * S}
        task = process_tasks.cold if request["node"] is None else process_tasks.memory
        print(json.dumps(facts | task(request)), file=answer)


if __name__ == "__main__":
    main()
