"""Measure what a lap owes to the lap before it: after another system's, and after one of its own.

    python benchmarks/priming.py [--suite suites/quickstart.yaml] [--systems bm25 dense-384-cosine]

Each of the two systems answers queries in pairs of laps, of which the second counts; whose the first is, is drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.latency.opened_system import OpenedSystem, open_systems
from harness.machine import default_device, threads
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime
from harness.statistics.block_bootstrap import paired_ratio

BLOCK = 10
SUITE = Path(__file__).parents[1] / "suites" / "quickstart.yaml"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, default=SUITE)
    parser.add_argument("--systems", nargs=2, default=["bm25", "dense-384-cosine"])
    parser.add_argument("--laps", type=int, default=200, help="of each kind  [default: 200]")
    given = parser.parse_args()
    plan, store = prepare_plan(given.suite, given.systems, None, None, "auto", fetch=True)
    runtime = Runtime(default_device(), threads())
    execute(plan, store, runtime, Silent())
    lanes, _ = open_systems(plan, plan.targets[:2], store, runtime)
    for lane, other in (lanes, lanes[::-1]):
        compare(lane, other, given.laps)


def compare(lane: OpenedSystem, other: OpenedSystem, laps: int) -> None:
    """Print what laps of a lane take after one of the other, against those after one of its own."""
    random = np.random.default_rng(0)
    times = np.empty((2, laps))
    for lap in range(-BLOCK, laps):
        before, asked = random.integers(0, len(lane.queries), 2).tolist()
        for own in random.permutation(2).tolist():
            (lane if own else other).lap(before)
            times[own, max(lap, 0)] = lane.lap(asked).ns
    found = paired_ratio(times[0], times[1], np.arange(laps) // BLOCK)
    medians = " and ".join(f"{np.median(one) / 1e6:.3f} ms" for one in times)
    print(
        f"{lane.system}: {medians} after {other.system} and after itself, "
        f"ratio {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    )


if __name__ == "__main__":
    main()
