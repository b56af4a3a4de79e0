"""Offers rates to a system, and searches for the highest rate whose p99 stays within the bound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np

from harness.latency.arrivals import Bracket, highest_rate, max_above_bound, poisson
from harness.latency.load_generator import ANSWERED, FAILED, TIMED_OUT, Clock, Responses, Schedule
from harness.latency.noise import Noise, noise_between, read_counters
from harness.latency.opened_system import OpenedSystem
from harness.latency.worker_pools import AnswerOpener, Processes, Threads, Workers
from harness.suite.latency import Server

MIN_REQUESTS = 473
"""The fewest requests of an offer: with fewer, not even one response may exceed the bound."""
WARM_UP_LAPS = 20
"""How many laps precede the first offer; as many again measure how long a lap takes."""
FIRST_SHARE = 0.8
"""The first rate of the search, as a share of what the workers could do without a pause."""
LAST_SHARE = 0.04
"""The lowest rate of the search, as such a share: so low that hardly any request waits for another."""
MIN_BOUNDS = 20
"""The shortest offer, in multiples of the bound; over that time a rate 5 % above capacity is seen to fail."""
MIN_SHARE_OUTSIDE_GIL = 0.9
"""The share of a lap outside the GIL from which several workers are threads: ten of them could work side by side."""
WITHIN = 0.05
"""How far apart the ends of the bracket may be, as a share."""
MS = 1e-6
"""Nanoseconds to milliseconds."""


class OfferedRate(NamedTuple):
    """A rate that was offered, and the responses to it."""

    rate: float
    rows: np.ndarray
    """The query row of each request that was served: int64[requests]."""
    responses: Responses
    above: int
    """How many responses exceeded the bound or failed."""
    holds: bool
    """Whether these are few enough for p99 to be within the bound."""
    noise: Noise

    def counts(self) -> dict[str, int]:
        """Return how many requests failed, and how many timed out."""
        outcome = self.responses.outcome
        return {"failed": int((outcome == FAILED).sum()), "timed_out": int((outcome == TIMED_OUT).sum())}


@dataclass
class RateSearch:
    """The search for one system: its workers, all offers in their order, and the bracket of the highest rate."""

    workers: str
    """What the workers were: "threads" or "processes"."""
    outside_gil: float
    """The share of a lap in stages that release the GIL."""
    offers: list[OfferedRate] = field(default_factory=list)
    bracket: Bracket = field(default_factory=lambda: Bracket(None, None))


def search_rate(
    opened: OpenedSystem,
    rows: Sequence[int],
    settings: Server,
    seed: int,
    opener: AnswerOpener,
    threads: int,
    clock: Clock | None = None,
) -> RateSearch:
    """Offer the rates that the suite lists, then search for the highest rate that holds.

    The queries in `rows` are asked in rotation; `opener` is what a worker process opens a system of its own with. Each
    worker has thread pools of `threads` threads. Each offer has its own seed, so the result does not depend on a single
    pattern of arrivals.
    """
    laps = [opened.lap(row) for row in _rotate(rows, 2 * WARM_UP_LAPS)][WARM_UP_LAPS:]
    outside_gil = _outside_gil(opened, np.array([lap.spans for lap in laps]))
    capacity = settings.workers * 1e9 / float(np.mean([lap.ns for lap in laps]))
    with _start_workers(opened, settings, outside_gil, opener, threads, clock) as workers:
        search = RateSearch(workers.kind, outside_gil)

        def offer(rate: float, *, to_the_end: bool = False) -> bool:
            number = len(search.offers)
            search.offers.append(_offer(workers, rate, rows, settings, seed + number, to_the_end=to_the_end))
            return search.offers[-1].holds

        for rate in settings.rates:
            offer(rate, to_the_end=True)
        search.bracket = highest_rate(offer, FIRST_SHARE * capacity, lowest=LAST_SHARE * capacity, within=WITHIN)
    return search


def timeout_ms(settings: Server) -> float:
    """Return the time after which a request has failed."""
    return settings.timeout_ms or 10 * settings.p99_ms


def _offer(
    workers: Workers, rate: float, rows: Sequence[int], settings: Server, seed: int, *, to_the_end: bool
) -> OfferedRate:
    """Offer a rate: to the end, or until it is clear that it does not hold."""
    count = max(ceil(rate * max(settings.seconds, MIN_BOUNDS * settings.p99_ms / 1e3)), MIN_REQUESTS)
    requests, max_above = np.array(_rotate(rows, count)), max_above_bound(count)
    due, bound_ns, timeout_ns = poisson(rate, count, seed), int(settings.p99_ms / MS), int(timeout_ms(settings) / MS)
    before = read_counters()
    responses = workers.serve(Schedule(requests, due, timeout_ns, bound_ns, None if to_the_end else max_above))
    above = int(((responses.ns > bound_ns) | (responses.outcome != ANSWERED)).sum())
    holds = max_above is not None and above <= max_above
    noise = noise_between(before, read_counters())
    return OfferedRate(rate, requests[: len(responses.ns)], responses, above, holds, noise)


def _rotate(rows: Sequence[int], count: int) -> list[int]:
    return [rows[number % len(rows)] for number in range(count)]


def _outside_gil(opened: OpenedSystem, spans: np.ndarray) -> float:
    """Return the share of int64[laps, stages] in stages that release the GIL."""
    return float(spans[:, [stage.releases_gil for stage in opened.stages]].sum() / max(spans.sum(), 1))


def _start_workers(
    opened: OpenedSystem,
    settings: Server,
    outside_gil: float,
    opener: AnswerOpener,
    threads: int,
    clock: Clock | None,
) -> AbstractContextManager[Workers]:
    """Start the workers: a single one as a thread, several as the suite says or as suits the stages."""
    kind = settings.by
    if kind == "auto":
        kind = "threads" if settings.workers == 1 or outside_gil >= MIN_SHARE_OUTSIDE_GIL else "processes"
    if kind == "threads":
        return nullcontext(Threads(opened.lap, settings.workers, clock, threads=threads))
    return Processes(opener, settings.workers)
