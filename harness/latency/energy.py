"""The mode `energy`: joules a query above those of an idle machine, by counters; "n/a" where none can be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from harness.latency.bench import Bench
from harness.latency.energy_counters import Counter, Energy, find_counters, over
from harness.latency.isolation import pinned_threads
from harness.latency.opened_system import OpenedSystem
from harness.latency.sampling import choose_queries
from harness.results import Measurement
from harness.results.measured import Measured
from harness.statistics.medians import REPEATS, median_interval

SECONDS = 3.0
"""How long each system works in a repeat, and how long the machine is left alone before: the counters tick in ms."""
Sleep = Callable[[float], object]


def measure_energy(bench: Bench, sleep: Sleep = time.sleep, clock: Callable[[], float] = time.perf_counter) -> Measured:
    """Let each lane of a data set answer query after query for 3 s, six times, in turn and in an order drawn anew.

    Before each the machine idles for as long; its power then is taken off. What other processes use in the meantime is
    counted as well, which the interval over the repeats shows.
    """
    found = find_counters()
    if not found.counters:
        return Measured(said={"status": found.status})
    random = np.random.default_rng(bench.words.seed)
    asked = random.permutation(choose_queries(bench.lanes[0].queries.texts, bench.words.queries, random)).tolist()
    taken: dict[str, list[float]] = {lane.system: [] for lane in bench.lanes}
    idle: list[float] = []
    with pinned_threads(bench.runtime.threads):
        for _ in range(REPEATS):
            for place in random.permutation(len(bench.lanes)).tolist():
                lane = bench.lanes[place]
                rest = over(found.counters, lambda: sleep(SECONDS), clock)
                idle.append(rest.joules / rest.seconds)
                taken[lane.system].append(a_query(lane, asked, found.counters, rest, clock))
    rows = [one for lane in bench.lanes for one in _rows(lane, np.array(taken[lane.system]))]
    return Measured(rows, said={"status": found.status, "missing": found.missing, "idle_watts": float(np.median(idle))})


def a_query(
    lane: OpenedSystem, asked: list[int], counters: list[Counter], rest: Energy, clock: Callable[[], float]
) -> float:
    """Return the joules a query of a lane that works for 3 s, those of an idle machine taken off; below 0 if fewer."""
    answered = 0

    def answer() -> None:
        nonlocal answered
        end = clock() + SECONDS
        while clock() < end:
            lane.lap(asked[answered % len(asked)])
            answered += 1

    busy = over(counters, answer, clock)
    return (busy.joules - rest.joules / rest.seconds * busy.seconds) / answered


def _rows(lane: OpenedSystem, joules: np.ndarray) -> Iterator[Measurement]:
    found = median_interval(joules)
    yield Measurement.of(lane, "energy_j_per_query", found.value, "J", n=found.n, low=found.low, high=found.high)
