"""Measure how the previous lap affects a lap: one of another system, or one of its own.

    python benchmarks/priming.py [--suite suites/quickstart.yaml] [--systems bm25 dense-384-cosine]

Laps come in pairs, and only the second counts; which of the two systems runs the first is drawn at random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.execute.threads import thread_pools
from harness.latency.opened_system import OpenedSystem
from harness.latency.opener import open_systems
from harness.machine import default_device, threads
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime
from harness.statistics.block_bootstrap import paired_ratio

BLOCK = 10
SUITE = Path(__file__).parents[1] / "suites" / "quickstart.yaml"


def main() -> None:
    """Run the measurement and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, default=SUITE)
    parser.add_argument("--systems", nargs=2, default=["bm25", "dense-384-cosine"])
    parser.add_argument("--laps", type=int, default=200, help="laps of each kind  [default: 200]")
    options = parser.parse_args()
    plan, store = prepare_plan(options.suite, options.systems, None, None, "auto", fetch=True)
    runtime = Runtime(default_device(), threads())
    execute(plan, store, runtime, Silent())
    with thread_pools(runtime.threads):
        systems, _ = open_systems(plan, plan.targets[:2], store, runtime)
        for opened, other in (systems, systems[::-1]):
            compare(opened, other, options.laps)


def compare(opened: OpenedSystem, other: OpenedSystem, laps: int) -> None:
    """Print how long laps of a system take after a lap of the other system, and after one of its own."""
    random = np.random.default_rng(0)
    times = np.empty((2, laps))
    for lap in range(-BLOCK, laps):
        previous, query = random.integers(0, len(opened.queries), 2).tolist()
        for own in random.permutation(2).tolist():
            (opened if own else other).lap(previous)
            times[own, max(lap, 0)] = opened.lap(query).ns
    ratio = paired_ratio(times[0], times[1], np.arange(laps) // BLOCK)
    medians = " and ".join(f"{np.median(each) / 1e6:.3f} ms" for each in times)
    print(
        f"{opened.system}: {medians} after {other.system} and after itself, "
        f"ratio {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    )


if __name__ == "__main__":
    main()
