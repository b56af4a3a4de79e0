"""The mode `server`: response times in an open loop of Poisson arrivals, and the highest rate whose p99 keeps a bound.

A response counts from its scheduled arrival, a request that fails or is too late counts as the time-out, and both are
in the percentiles: a stall cannot hide behind the requests that were not sent while it lasted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.arrivals import Bracket, allowed, highest, poisson
from harness.errors import HarnessError
from harness.lanes import Lane
from harness.lap_statistics import quantiles
from harness.latency_words import Server
from harness.measured import Bench, Measured, row
from harness.noise import Noise, between, read_counters
from harness.open_loop import ANSWERED, FAILED, TIMED_OUT, Answer, Clock, Crew, Processes, Responses, Schedule, Threads
from harness.registry import STAGES
from harness.reopened import Reopened
from harness.results import LATENCY_SCHEMA, Measurement
from harness.timing import choose_queries, pinned

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
WINDOWS = 30
"""Parts of an offer that are resampled: responses in one queue are alike for a while, so neighbours stay together."""
LEVELS = {"server_p50": 0.5, "server_p95": 0.95, "server_p99": 0.99}
MS, US = 1e-6, 1e-3


class Offer(NamedTuple):
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

    @property
    def name(self) -> str:
        """The rate as it stands in the name of a quantity, as `1230` or `0.75`."""
        return f"{self.rate:.10g}"

    def counts(self) -> dict[str, int]:
        """Count what did not end well."""
        outcome = self.responses.outcome
        return {"failed": int((outcome == FAILED).sum()), "timed_out": int((outcome == TIMED_OUT).sum())}


@dataclass
class Served:
    """What one lane gave: who worked, all offers in their order, and the bracket of the highest rate that holds."""

    workers: str
    outside: float
    """The share of a lap in stages that leave Python's lock."""
    offers: list[Offer] = field(default_factory=list)
    bracket: Bracket = field(default_factory=lambda: Bracket(None, None))

    @property
    def best(self) -> Offer | None:
        """The last offer at the highest rate that held."""
        return next((offer for offer in reversed(self.offers) if offer.rate == self.bracket.low), None)


def measure_server(bench: Bench) -> Measured:
    """Offer rates to each lane of a data set, one lane after the other.

    A lane that no worker can open is named, with the reason, in what is said.
    """
    words = bench.words
    random = np.random.default_rng(words.seed)
    asked = random.permutation(choose_queries(bench.lanes[0].queries.texts, words.queries, random)).tolist()
    rows: list[Measurement] = []
    laps: list[pa.Table] = []
    said: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for lane in bench.lanes:
        try:
            with pinned(bench.runtime.threads), _garbage_of_requests_only():
                served = serve(lane, asked, words.server, words.seed, Reopened.of(bench, lane))
        except HarnessError as error:
            left_out[lane.system] = str(error)
            continue
        rows += _rows(lane, served, words.server)
        laps += [_table(lane, number, offer) for number, offer in enumerate(served.offers)]
        said[lane.system] = _said(served)
    settings = words.server.model_dump() | {"timeout_ms": timeout_ms(words.server), "seed": words.seed}
    table = pa.concat_tables([LATENCY_SCHEMA.empty_table(), *laps])
    return Measured(rows, table, {**settings, "systems": said, "left_out": left_out})


def serve(
    lane: Lane,
    asked: Sequence[int],
    said: Server,
    seed: int,
    opener: Callable[[], Answer],
    clock: Clock | None = None,
) -> Served:
    """Offer the rates that the suite says, then search the highest that holds.

    `asked` are the rows of the queries, which come in turn; `opener` is what a worker process calls to get a lane of
    its own. Each offer has a seed of its own, so that no pattern of arrivals decides them all.
    """
    laps = [lane.lap(row) for row in _cycle(asked, 2 * WARM)][WARM:]
    outside = _outside(lane, np.array([lap.spans for lap in laps]))
    capacity = said.workers * 1e9 / float(np.mean([lap.ns for lap in laps]))
    with _crew(lane, said, outside, opener, clock) as crew:
        served = Served(crew.kind, outside)

        def offer(rate: float, *, whole: bool = False) -> bool:
            served.offers.append(_offered(crew, rate, asked, said, seed + len(served.offers), whole=whole))
            return served.offers[-1].holds

        for rate in said.rates:
            offer(rate, whole=True)
        served.bracket = highest(offer, FIRST * capacity, least=LAST * capacity, within=WITHIN)
    return served


@contextmanager
def _garbage_of_requests_only() -> Iterator[None]:
    """Let garbage be collected as in a service, but set aside what lived before: the harness's is none of its own."""
    collecting = gc.isenabled()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


def timeout_ms(said: Server) -> float:
    """Return after how long a request has failed."""
    return said.timeout_ms or 10 * said.p99_ms


def _offered(crew: Crew, rate: float, asked: Sequence[int], said: Server, seed: int, *, whole: bool) -> Offer:
    """Offer a rate: to its end if `whole`, else until it is clear that it does not hold."""
    count = max(ceil(rate * max(said.seconds, BOUNDS * said.p99_ms / 1e3)), LEAST)
    rows, most = np.array(_cycle(asked, count)), allowed(count)
    due, bound = poisson(rate, count, seed), int(said.p99_ms / MS)
    before = read_counters()
    found = crew.serve(Schedule(rows, due, int(timeout_ms(said) / MS), bound, None if whole else most))
    above = int(((found.ns > bound) | (found.outcome != ANSWERED)).sum())
    holds = most is not None and above <= most
    return Offer(rate, rows[: len(found.ns)], found, above, holds, between(before, read_counters()))


def _cycle(rows: Sequence[int], count: int) -> list[int]:
    return [rows[number % len(rows)] for number in range(count)]


def _outside(lane: Lane, spans: np.ndarray) -> float:
    """Return the share of int64[laps, stages] outside Python's lock; to wait for a service is outside too."""
    kinds = [STAGES[name.split("#")[0]] for name in lane.stages]
    return float(spans[:, [kind.releases_gil or kind.service for kind in kinds]].sum() / max(spans.sum(), 1))


def _crew(
    lane: Lane, said: Server, outside: float, opener: Callable[[], Answer], clock: Clock | None
) -> AbstractContextManager[Crew]:
    """Let workers stand ready: one in a thread, several as the suite says or as suits the stages."""
    kind = said.by if said.by != "auto" else "threads" if said.workers == 1 or outside >= OUTSIDE else "processes"
    if kind == "threads":
        return nullcontext(Threads(lane.lap, said.workers, clock))
    return Processes(opener, said.workers)


def _rows(lane: Lane, served: Served, said: Server) -> Iterator[Measurement]:
    """Give the highest rate, and what the offers of it and of the rates that the suite says were like.

    The interval of the highest rate is its bracket. Where no rate held there is no row of it.
    """
    offers = {offer.rate: offer for offer in served.offers if offer.rate in said.rates}
    best = served.best
    if best is not None:
        low, high = served.bracket
        yield row(lane, "server_max_rate", best.rate, "queries/s", n=len(best.rows), low=low, high=high)
        offers[best.rate] = best
    for offer in offers.values():
        yield from _of_offer(lane, offer)


def _of_offer(lane: Lane, offer: Offer) -> Iterator[Measurement]:
    from scipy.stats import binomtest

    ns, count = offer.responses.ns, len(offer.rows)
    windows = np.arange(count) * WINDOWS // count
    for name, found in zip(LEVELS, quantiles(ns * MS, windows, list(LEVELS.values())), strict=True):
        yield row(lane, f"{name}@{offer.name}", found.value, "ms", n=count, low=found.low, high=found.high)
    bad = sum(offer.counts().values())
    ends = binomtest(bad, count).proportion_ci()
    yield row(lane, f"server_errors@{offer.name}", bad / count, "", n=count, low=float(ends.low), high=float(ends.high))


def _said(served: Served) -> dict[str, Any]:
    """Say what no row holds: every offer, and how late the generator was."""
    offers = [
        {
            "rate": offer.rate,
            "requests": len(offer.rows),
            **offer.counts(),
            "above": offer.above,
            "holds": offer.holds,
            "error": offer.responses.error,
            "late_us": {
                name: float(np.quantile(offer.responses.late_ns, level)) * US
                for name, level in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
            },
        }
        for offer in served.offers
    ]
    return {
        "workers": served.workers,
        "outside_lock": served.outside,
        "highest": served.bracket._asdict(),
        "offers": offers,
    }


def _table(lane: Lane, block: int, offer: Offer) -> pa.Table:
    """Give every response of an offer, whose number is the block, as a lap."""
    count = len(offer.rows)
    texts = lane.queries.table.take(pa.array(offer.rows))
    columns = {
        "dataset": lane.dataset,
        "system": lane.system,
        "arm": "",
        "mode": "server",
        "query_id": texts["id"],
        "query_chars": pc.utf8_length(texts["text"]),
        "block": block,
        "order": np.arange(count),
        "stage": None,
        "ns": offer.responses.ns,
        **offer.noise._asdict(),
        "switches": None,
    }
    whole = {
        name: value if isinstance(value, np.ndarray | pa.ChunkedArray) else pa.repeat(pa.scalar(value), count)
        for name, value in columns.items()
    }
    return pa.table(whole).select(LATENCY_SCHEMA.names).cast(LATENCY_SCHEMA)
