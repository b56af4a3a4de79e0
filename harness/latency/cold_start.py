"""The mode `cold`: the time from the start of a fresh process to a system's first answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.latency.bench import Bench
from harness.latency.opened_system import OpenedSystem
from harness.latency.process import ProcessDied, ask
from harness.results import Measurement
from harness.results.left_out import LeftOut
from harness.results.measured import Measured
from harness.statistics.medians import REPEATS, median_interval

PARTS = ("import", "open", "first_query")


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
        except ProcessDied as error:
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
            except ProcessDied as error:
                left_out.systems[lane.system] = str(error)
    rows = [one for lane in lanes if lane.system not in left_out.systems for one in _starts(lane, took[lane.system])]
    said = {
        "starts": bench.words.cold.starts,
        "libraries": libraries,
        "plan_seconds": {name: float(np.median([one["plan"] for one in each])) for name, each in took.items() if each},
        "left_out": left_out.words(),
    }
    return Measured(rows, said=said)


def _starts(lane: OpenedSystem, took: list[dict[str, float]]) -> Iterator[Measurement]:
    columns = {part: np.array([one[part] for one in took]) for part in PARTS}
    columns["total"] = sum(columns.values(), np.zeros(len(took)))
    for part, seconds in columns.items():
        found = median_interval(seconds)
        ends = (found.low, found.high) if len(took) >= REPEATS else (None, None)
        yield Measurement.of(lane, f"cold_{part}", found.value, "s", n=found.n, low=ends[0], high=ends[1])
