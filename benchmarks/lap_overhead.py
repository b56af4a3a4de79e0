"""Measure what the harness adds to a lap, against calling the stage by hand, in turn and in random order.

    python benchmarks/lap_overhead.py

A stage of about 1 ms is called by hand between two readings of the clock, and through a lane. `in the lap` is how much
longer the lane says it took; `around it` how much longer the whole call of the lane took, with what it does before the
clock starts and after it stops. The exit status is 1 where the first is 20 us or 1 % of the stage, or more.
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
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laps", type=int, default=2000, help="of each kind  [default: 2000]")
    laps = parser.parse_args().laps
    units = round(STAGE_NS / unit_ns())

    def stage(asked: Any) -> Any:
        for _ in range(units):
            hashlib.sha256(UNIT)
        return asked

    queries = Queries.of((f"{i:03}", f"query {i}") for i in range(100))
    lane = OpenedSystem("toy", "one", Fingerprint("none"), queries, (OpenedStage("search/work", stage, (0,)),), None)
    times = np.empty((laps, 3))
    random = np.random.default_rng(0)
    gc.collect()
    gc.disable()
    for lap in range(laps):
        row = lap % len(queries)
        for kind in random.permutation(2):
            if kind:
                times[lap, 0] = by_hand(stage, queries, row)
            else:
                start = perf_counter_ns()
                times[lap, 1] = lane.lap(row).ns
                times[lap, 2] = perf_counter_ns() - start
    gc.enable()
    blocks = np.arange(laps) // BLOCK
    hand = quantiles(times[:, 0], blocks, [0.5])[0].value
    inside, around = (quantiles(times[:, i] - times[:, 0], blocks, [0.5])[0] for i in (1, 2))
    print(f"the stage by hand: {hand / 1e3:.1f} us, median of {laps}")
    for name, found in (("in the lap", inside), ("around it", around)):
        print(f"{name + ':':<12} {us(found)}, {found.value / hand:.2%} of the stage")
    sys.exit(not (inside.value < 20_000 and inside.value < 0.01 * hand))


def by_hand(stage: Any, queries: Queries, row: int) -> int:
    """Time a call of the stage as one would without a harness."""
    asked = queries.take(slice(row, row + 1))
    start = perf_counter_ns()
    stage(asked)
    return perf_counter_ns() - start


def unit_ns() -> float:
    """Return what a unit of work takes here, the median of some."""
    found = []
    for _ in range(1000):
        start = perf_counter_ns()
        hashlib.sha256(UNIT)
        found.append(perf_counter_ns() - start)
    return float(np.median(found))


def us(found: Estimate) -> str:
    """Write a difference in microseconds, with its 95 % interval."""
    return f"{found.value / 1e3:.2f} us [{found.low / 1e3:.2f}, {found.high / 1e3:.2f}]"


if __name__ == "__main__":
    main()
