"""The mode `cold`: the time from the start of a fresh process to a system's first answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.latency.bench import Bench
from harness.latency.fresh_process import ProcessDied, run_fresh_process
from harness.latency.opened_system import OpenedSystem
from harness.results import Measurement
from harness.results.left_out import LeftOut
from harness.results.measured import Measured
from harness.statistics.medians import REPEATS, median_interval

PARTS = ("import", "open", "first_query")
"""The parts of a cold start, in order; their sum is its total."""


def measure_cold(bench: Bench) -> Measured:
    """Start every system of a data set in fresh processes, up to its first answer, in turn and in random order.

    The first start of each system is not counted: it brings the files into the operating system's cache and finds out
    which slow libraries the system needs. The counted starts import these first, which separates the time of imports
    from that of opening and of the first query. Each figure is a median over the starts; with fewer than six starts it
    has no 95 % interval.
    """
    random = np.random.default_rng(bench.settings.seed)
    left_out = LeftOut()
    libraries: dict[str, list[str]] = {}
    for opened in bench.systems:
        try:
            libraries[opened.system] = run_fresh_process(bench, opened)["libraries"]
        except ProcessDied as error:
            left_out.systems[opened.system] = str(error)
    systems = [opened for opened in bench.systems if opened.system in libraries]
    starts: dict[str, list[dict[str, float]]] = {opened.system: [] for opened in systems}
    for _ in range(bench.settings.cold.starts):
        query = int(random.integers(len(systems[0].queries))) if systems else 0
        for place in random.permutation(len(systems)).tolist():
            opened = systems[place]
            if opened.system in left_out.systems:
                continue
            try:
                start = run_fresh_process(bench, opened, libraries=libraries[opened.system], query=query)
            except ProcessDied as error:
                left_out.systems[opened.system] = str(error)
            else:
                starts[opened.system].append(start)
    complete = [opened for opened in systems if opened.system not in left_out.systems]
    rows = [part for opened in complete for part in _rows(opened, starts[opened.system])]
    facts = {
        "starts": bench.settings.cold.starts,
        "libraries": libraries,
        "plan_seconds": {name: float(np.median([s["plan"] for s in each])) for name, each in starts.items() if each},
        "left_out": left_out.as_dict(),
    }
    return Measured(rows, facts=facts)


def _rows(opened: OpenedSystem, starts: list[dict[str, float]]) -> Iterator[Measurement]:
    columns = {part: np.array([start[part] for start in starts]) for part in PARTS}
    columns["total"] = sum(columns.values(), np.zeros(len(starts)))
    for part, seconds in columns.items():
        median = median_interval(seconds)
        low, high = (median.low, median.high) if len(starts) >= REPEATS else (None, None)
        yield Measurement.of(opened, f"cold_{part}", median.value, "s", n=median.n, low=low, high=high)
