"""Measure what the harness adds to a lap, compared with calling the stage directly.

    python benchmarks/lap_overhead.py

A stage of about 1 ms is called directly between two readings of the clock, and through an opened system, in random
order. `in the lap` is how much longer the recorded lap is; `around it` is how much longer the whole call is, including
what it does before the clock starts and after it stops. The exit status is 1 if the first is at least 20 us or at least
1 % of the stage.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import sys
from time import perf_counter_ns
from typing import Any

import numpy as np

from harness.artifacts.text import Queries
from harness.fingerprint import Fingerprint
from harness.latency.opened_system import OpenedStage, OpenedSystem
from harness.statistics.block_bootstrap import Estimate, quantiles

UNIT = bytes(4096)
STAGE_NS = 1_000_000
BLOCK = 20


def main() -> None:
    """Run the measurement and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laps", type=int, default=2000, help="laps of each kind  [default: 2000]")
    laps = parser.parse_args().laps
    units = round(STAGE_NS / unit_ns())

    def stage(rows: Any) -> Any:
        for _ in range(units):
            hashlib.sha256(UNIT)
        return rows

    queries = Queries.of((f"{i:03}", f"query {i}") for i in range(100))
    opened = OpenedSystem("toy", "one", Fingerprint("none"), queries, (OpenedStage("search/work", stage, (0,)),), None)
    times = np.empty((laps, 3))
    random = np.random.default_rng(0)
    gc.collect()
    gc.disable()
    for lap in range(laps):
        row = lap % len(queries)
        for kind in random.permutation(2):
            if kind:
                times[lap, 0] = direct_call(stage, queries, row)
            else:
                start = perf_counter_ns()
                times[lap, 1] = opened.lap(row).ns
                times[lap, 2] = perf_counter_ns() - start
    gc.enable()
    blocks = np.arange(laps) // BLOCK
    direct = quantiles(times[:, 0], blocks, [0.5])[0].value
    inside, around = (quantiles(times[:, i] - times[:, 0], blocks, [0.5])[0] for i in (1, 2))
    print(f"the stage called directly: {direct / 1e3:.1f} us, median of {laps}")
    for name, added in (("in the lap", inside), ("around it", around)):
        print(f"{name + ':':<12} {us(added)}, {added.value / direct:.2%} of the stage")
    sys.exit(not (inside.value < 20_000 and inside.value < 0.01 * direct))


def direct_call(stage: Any, queries: Queries, row: int) -> int:
    """Return the ns of a call of the stage without the harness."""
    query = queries.take(slice(row, row + 1))
    start = perf_counter_ns()
    stage(query)
    return perf_counter_ns() - start


def unit_ns() -> float:
    """Return the median ns of a unit of work on this machine."""
    times = []
    for _ in range(1000):
        start = perf_counter_ns()
        hashlib.sha256(UNIT)
        times.append(perf_counter_ns() - start)
    return float(np.median(times))


def us(difference: Estimate) -> str:
    """Format a difference of ns in microseconds, with its 95 % interval."""
    return f"{difference.value / 1e3:.2f} us [{difference.low / 1e3:.2f}, {difference.high / 1e3:.2f}]"


if __name__ == "__main__":
    main()
