"""Rates that are offered to a lane, and the search for the highest of them whose p99 keeps a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np

from harness.latency.arrivals import Bracket, allowed, highest, poisson
from harness.latency.load_generator import (
    ANSWERED,
    FAILED,
    TIMED_OUT,
    Answer,
    Clock,
    Processes,
    Responses,
    Schedule,
    Threads,
    Workers,
)
from harness.latency.noise import Noise, between, read_counters
from harness.latency.opened_system import OpenedSystem
from harness.suite.latency import Server

LEAST = 473
"""Requests of an offer at least: the fewest of which one may lie above the bound while p99 is said to keep it."""
WARM = 20
"""Laps before the first offer; as many again tell how long a lap takes."""
FIRST = 0.8
"""The first rate of the search, as a share of what the workers could do without a pause."""
LAST = 0.04
"""And the last that is tried downwards: so slow that hardly a request waits for another, as if each came alone."""
BOUNDS = 20
"""An offer lasts as many times the bound at least: then a rate 5 % above what the workers can do is seen to fail."""
OUTSIDE = 0.9
"""The share of a lap outside Python's lock from which on several workers are threads: ten could still get on."""
WITHIN = 0.05
"""How far the ends of the bracket may lie apart, as a share."""
MS = 1e-6
"""Nanoseconds to milliseconds."""


class OfferedRate(NamedTuple):
    """A rate that was offered, and what became of it."""

    rate: float
    rows: np.ndarray
    """Which query each request asked, as far as it went."""
    responses: Responses
    above: int
    """Responses above the bound, those that failed among them."""
    holds: bool
    """Whether these are so few that p99 keeps the bound."""
    noise: Noise

    def counts(self) -> dict[str, int]:
        """Count what did not end well."""
        outcome = self.responses.outcome
        return {"failed": int((outcome == FAILED).sum()), "timed_out": int((outcome == TIMED_OUT).sum())}


@dataclass
class RateSearch:
    """What one lane gave: who worked, all offers in their order, and the bracket of the highest rate that holds."""

    workers: str
    outside: float
    """The share of a lap in stages that leave Python's lock."""
    offers: list[OfferedRate] = field(default_factory=list)
    bracket: Bracket = field(default_factory=lambda: Bracket(None, None))


def search_rate(
    lane: OpenedSystem,
    asked: Sequence[int],
    said: Server,
    seed: int,
    opener: Callable[[], Answer],
    threads: int,
    clock: Clock | None = None,
) -> RateSearch:
    """Offer the rates that the suite says, then search the highest that holds.

    `asked` are the rows of the queries, which come in turn; `opener` is what a worker process calls to get a lane of
    its own, and each worker has thread pools of `threads` threads. Each offer has a seed of its own, so that no pattern
    of arrivals decides them all.
    """
    laps = [lane.lap(row) for row in _cycle(asked, 2 * WARM)][WARM:]
    outside = _outside(lane, np.array([lap.spans for lap in laps]))
    capacity = said.workers * 1e9 / float(np.mean([lap.ns for lap in laps]))
    with _crew(lane, said, outside, opener, threads, clock) as crew:
        served = RateSearch(crew.kind, outside)

        def offer(rate: float, *, whole: bool = False) -> bool:
            served.offers.append(_offered(crew, rate, asked, said, seed + len(served.offers), whole=whole))
            return served.offers[-1].holds

        for rate in said.rates:
            offer(rate, whole=True)
        served.bracket = highest(offer, FIRST * capacity, least=LAST * capacity, within=WITHIN)
    return served


def timeout_ms(said: Server) -> float:
    """Return after how long a request has failed."""
    return said.timeout_ms or 10 * said.p99_ms


def _offered(crew: Workers, rate: float, asked: Sequence[int], said: Server, seed: int, *, whole: bool) -> OfferedRate:
    """Offer a rate: to its end if `whole`, else until it is clear that it does not hold."""
    count = max(ceil(rate * max(said.seconds, BOUNDS * said.p99_ms / 1e3)), LEAST)
    rows, most = np.array(_cycle(asked, count)), allowed(count)
    due, bound = poisson(rate, count, seed), int(said.p99_ms / MS)
    before = read_counters()
    found = crew.serve(Schedule(rows, due, int(timeout_ms(said) / MS), bound, None if whole else most))
    above = int(((found.ns > bound) | (found.outcome != ANSWERED)).sum())
    holds = most is not None and above <= most
    return OfferedRate(rate, rows[: len(found.ns)], found, above, holds, between(before, read_counters()))


def _cycle(rows: Sequence[int], count: int) -> list[int]:
    return [rows[number % len(rows)] for number in range(count)]


def _outside(lane: OpenedSystem, spans: np.ndarray) -> float:
    """Return the share of int64[laps, stages] outside Python's lock."""
    return float(spans[:, [step.outside for step in lane.steps]].sum() / max(spans.sum(), 1))


def _crew(
    lane: OpenedSystem,
    said: Server,
    outside: float,
    opener: Callable[[], Answer],
    threads: int,
    clock: Clock | None,
) -> AbstractContextManager[Workers]:
    """Let workers stand ready: one in a thread, several as the suite says or as suits the stages."""
    kind = said.by if said.by != "auto" else "threads" if said.workers == 1 or outside >= OUTSIDE else "processes"
    if kind == "threads":
        return nullcontext(Threads(lane.lap, said.workers, clock, threads=threads))
    return Processes(opener, said.workers, threads=threads)
