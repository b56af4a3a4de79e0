"""The mode `server`: response times in an open loop of Poisson arrivals, and the highest rate whose p99 keeps a bound.

A response counts from its scheduled arrival, a request that fails or is too late counts as the time-out, and both are
in the percentiles: a stall cannot hide behind the requests that were not sent while it lasted.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import HarnessError
from harness.lanes import Lane
from harness.lap_statistics import quantiles
from harness.latency_words import Server
from harness.measured import Bench, Measured, row
from harness.offers import Offer, Served, offer_rates, timeout_ms
from harness.reopened import Reopened
from harness.results import LATENCY_SCHEMA, Measurement
from harness.timing import choose_queries, pinned

WINDOWS = 30
"""Parts of an offer that are resampled: responses in one queue are alike for a while, so neighbours stay together."""
LEVELS = {"server_p50": 0.5, "server_p95": 0.95, "server_p99": 0.99}
MS, US = 1e-6, 1e-3


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
                served = offer_rates(lane, asked, words.server, words.seed, Reopened.of(bench, lane))
        except HarnessError as error:
            left_out[lane.system] = str(error)
            continue
        rows += _rows(lane, served, words.server)
        laps += [_table(lane, number, offer) for number, offer in enumerate(served.offers)]
        said[lane.system] = _said(served)
    settings = words.server.model_dump() | {"timeout_ms": timeout_ms(words.server), "seed": words.seed}
    table = pa.concat_tables([LATENCY_SCHEMA.empty_table(), *laps])
    return Measured(rows, table, {**settings, "systems": said, "left_out": left_out})


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
