"""The mode `energy`: joules per query above those of the idle machine, from counters; "n/a" if none can be read."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.energy_counters import Counter, Energy, energy_during, find_counters
from harness.latency.opened_system import OpenedSystem
from harness.latency.sampling import choose_queries
from harness.results import Measurement
from harness.results.measured import Measured
from harness.statistics.medians import REPEATS, median_interval

SECONDS = 3.0
"""How long a system works in each repeat, and how long the machine idles before; the counters tick in ms."""
Sleep = Callable[[float], object]


def measure_energy(bench: Bench, sleep: Sleep = time.sleep, clock: Callable[[], float] = time.perf_counter) -> Measured:
    """Let each system of a data set answer queries for 3 s, six times, in turn and in random order.

    Before each repeat the machine idles for as long, and its idle power is subtracted. The energy of other processes
    is counted too; it widens the interval over the repeats.
    """
    found = find_counters()
    if not found.counters:
        return Measured(facts={"status": found.status})
    random = np.random.default_rng(bench.settings.seed)
    rows = choose_queries(bench.systems[0].queries.texts, bench.settings.queries, random)
    queries = random.permutation(rows).tolist()
    joules: dict[str, list[float]] = {opened.system: [] for opened in bench.systems}
    idle_watts: list[float] = []
    with thread_pools(bench.runtime.threads):
        for _ in range(REPEATS):
            for place in random.permutation(len(bench.systems)).tolist():
                opened = bench.systems[place]
                idle = energy_during(lambda: sleep(SECONDS), found.counters, clock)
                idle_watts.append(idle.watts)
                joules[opened.system].append(joules_per_query(opened, queries, found.counters, idle, clock))
    measurements = [_measurement(opened, np.array(joules[opened.system])) for opened in bench.systems]
    facts = {"status": found.status, "missing": found.missing, "idle_watts": float(np.median(idle_watts))}
    return Measured(measurements, facts=facts)


def joules_per_query(
    opened: OpenedSystem, queries: list[int], counters: list[Counter], idle: Energy, clock: Callable[[], float]
) -> float:
    """Let a system work for 3 s; return its joules per query minus those of the idle machine, below 0 if fewer."""
    answered = 0

    def answer() -> None:
        nonlocal answered
        end = clock() + SECONDS
        while clock() < end:
            opened.lap(queries[answered % len(queries)])
            answered += 1

    busy = energy_during(answer, counters, clock)
    return (busy.joules - idle.watts * busy.seconds) / answered


def _measurement(opened: OpenedSystem, joules: np.ndarray) -> Measurement:
    median = median_interval(joules)
    return Measurement.of(opened, "energy_j_per_query", median.value, "J", n=median.n, low=median.low, high=median.high)
