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
from harness.latency.bench import Bench
from harness.latency.isolation import pinned_threads
from harness.latency.opened_system import OpenedSystem
from harness.latency.rate_search import OfferedRate, RateSearch, search_rate, timeout_ms
from harness.latency.sampling import choose_queries
from harness.latency.worker import SystemHandle
from harness.results import LATENCY_SCHEMA
from harness.results.left_out import LeftOut
from harness.results.measured import Measured
from harness.results.responses import response_figures

US = 1e-3
"""Nanoseconds to microseconds."""


def measure_server(bench: Bench) -> Measured:
    """Offer rates to each lane of a data set, one lane after the other.

    A lane that no worker can open, and one without a rate that holds, is named, with the reason, in what is said.
    """
    words = bench.words
    random = np.random.default_rng(words.seed)
    asked = random.permutation(choose_queries(bench.lanes[0].queries.texts, words.queries, random)).tolist()
    laps: list[pa.Table] = []
    said: dict[str, Any] = {}
    left_out = LeftOut()
    for lane in bench.lanes:
        try:
            with pinned_threads(bench.runtime.threads), _garbage_of_requests_only():
                served = search_rate(lane, asked, words.server, words.seed, SystemHandle.of(bench, lane))
        except HarnessError as error:
            left_out.systems[lane.system] = str(error)
            continue
        laps += [_table(lane, number, offer) for number, offer in enumerate(served.offers)]
        said[lane.system] = _said(served)
        if served.bracket.low is None:
            left_out.systems[lane.system] = (
                f"no rate down to {served.bracket.high:g} queries/s kept p99 within {words.server.p99_ms:g} ms"
            )
    settings = words.server.model_dump(mode="json") | {"timeout_ms": timeout_ms(words.server), "seed": words.seed}
    told = {**settings, "systems": said, "left_out": left_out.words()}
    table, lanes = pa.concat_tables([LATENCY_SCHEMA.empty_table(), *laps]), {lane.system: lane for lane in bench.lanes}
    return Measured(list(response_figures(table, told, lanes)), table, told)


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


def _said(served: RateSearch) -> dict[str, Any]:
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


def _table(lane: OpenedSystem, block: int, offer: OfferedRate) -> pa.Table:
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
