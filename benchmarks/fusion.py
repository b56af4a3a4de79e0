"""Measure reciprocal rank fusion against ranx, whose Run objects are ready-made.

    python benchmarks/fusion.py [--queries 5000] [--depth 1000] [--rounds 5]

Two made runs. Ours and ranx, compiled before and warmed up on the same runs, take turns within one process. A cold ranx
is a process of its own for each of two states: nothing compiled (an empty cache of numba), and compiled before; what is
timed there is the first fusion of a small pair, as importing and making Run objects is not counted. Prints medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.artifacts.ranx import row_names, to_ranx
from harness.artifacts.run import Run
from harness.registry import STAGES
from harness.stage import Runtime

CORPUS = 100_000
COLD = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import ranx
runs = [ranx.Run({f"q{q}": {f"d{(q * 7 + s * d) % 97:02}": 1 / d for d in range(1, 21)} for q in range(10)})
        for s in (3, 5)]
ready = time.perf_counter()
ranx.fuse(runs, norm=None, method="rrf", params={"k": 60})
print(json.dumps(time.perf_counter() - ready))
"""


def made(seed: int, queries: int, depth: int) -> Run:
    """Draw a run of distinct documents."""
    rng = np.random.default_rng(seed)
    documents = np.stack([rng.choice(CORPUS, depth, replace=False) for _ in range(queries)]).astype(np.int32)
    return Run.top(rng.normal(10, 3, documents.shape), depth, documents=documents)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return seconds by the clock, seconds of processors, and what came of it."""
    start, spent = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - start, time.process_time() - spent, found


def cold() -> tuple[float, float]:
    """Return the seconds of a first fusion with nothing compiled, and of one in a new process after that."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        found = []
        for _ in range(2):
            command = [sys.executable, "-c", COLD]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            found.append(float(json.loads(done.stdout)))
    return found[0], found[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import ranx

    runs = [made(seed, asked.queries, asked.depth) for seed in (1, 2)]
    queries, names = row_names(asked.queries), row_names(CORPUS)
    theirs = [to_ranx(run, queries, names) for run in runs]
    stage = STAGES["fuse/rrf"](k=60, depth=2 * asked.depth)
    ours = stage.open(Runtime())

    def other() -> Any:
        return ranx.fuse(theirs, norm=None, method="rrf", params={"k": 60})

    ours(*runs), other()
    times: dict[str, list[tuple[float, float]]] = {"harness": [], "ranx, warm": []}
    for _ in range(asked.rounds):
        seconds, spent, fused = timed(lambda: ours(*runs))
        times["harness"].append((seconds, spent))
        seconds, spent, expected = timed(other)
        times["ranx, warm"].append((seconds, spent))
    worst = 0.0
    totals = stage.totals(*runs)
    for row in range(0, asked.queries, max(1, asked.queries // 50)):
        there = expected.run[queries[row]]
        for document, total in zip(totals.documents[row], totals.sums[row], strict=True):
            worst = max(worst, abs(total - there[names[document]])) if document >= 0 else worst
    print(f"{asked.queries:,} queries, two runs {asked.depth:,} deep, {fused.documents.shape[1]:,} kept")
    ways = {name: [statistics.median(kind) for kind in zip(*some, strict=True)] for name, some in times.items()}
    for name, (clock, spent) in ways.items():
        ratio = [there / mine for there, mine in zip((clock, spent), ways["harness"], strict=True)]
        print(f"{name:<12} {clock:7.2f} s {spent:7.2f} s CPU  {ratio[0]:5.1f} times {ratio[1]:5.1f} of CPU")
    never, before = cold()
    base = ways["harness"][0]
    print(f"ranx's first fusion, 10 queries: {never:.1f} s compiling, {before:.2f} s compiled before")
    print(f"cold, that and the warm fusion: {(never + ways['ranx, warm'][0]) / base:.1f} times")
    print(f"largest difference of the sums: {worst:.1e}")


if __name__ == "__main__":
    main()
