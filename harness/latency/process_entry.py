"""A process that `harness.fresh` starts: it reads one request, does it, writes one line of JSON, and ends.

Nothing but the standard library is imported before the clock of the imports runs.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from time import perf_counter_ns
from typing import Any

S = 1e-9


def main() -> None:
    """Answer the request on standard input. What libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        for name in request["libraries"]:
            importlib.import_module(name)
        from harness.latency import process_tasks as fresh_work

        imported = perf_counter_ns()
        said: dict[str, Any] = {"import": (imported - request["started"]) * S}
        work = fresh_work.cold if request["node"] is None else fresh_work.memory
        print(json.dumps(said | work(request)), file=answer)


if __name__ == "__main__":
    main()
