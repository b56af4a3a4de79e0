"""The mode `server`: response times in an open loop of Poisson arrivals, and the highest rate whose p99 is in bounds.

A response time counts from the scheduled arrival. A request that fails or times out counts as the time-out and is
included in every percentile, so a stall cannot hide behind requests that were not sent while it lasted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import HarnessError
from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.isolation import existing_objects_frozen
from harness.latency.opened_system import OpenedSystem
from harness.latency.rate_search import OfferedRate, RateSearch, search_rate, timeout_ms
from harness.latency.sampling import choose_queries
from harness.latency.system_handle import SystemHandle
from harness.results import LATENCY_SCHEMA
from harness.results.latency_facts import ServerFacts
from harness.results.left_out import LeftOut
from harness.results.measured import Measured
from harness.results.responses import response_figures

US = 1e-3
"""Nanoseconds to microseconds."""


def measure_server(bench: Bench) -> Measured:
    """Offer rates to each system of a data set, one system after the other.

    `left_out` names systems that no worker can open and systems without a rate that holds, with the reason.
    """
    settings = bench.settings
    random = np.random.default_rng(settings.seed)
    chosen = choose_queries(bench.systems[0].queries.texts, settings.queries, random)
    rows = random.permutation(chosen).tolist()
    laps: list[pa.Table] = []
    systems: dict[str, Any] = {}
    left_out = LeftOut()
    for opened in bench.systems:
        handle, threads = SystemHandle.of(bench, opened), bench.runtime.threads
        try:
            with thread_pools(threads), existing_objects_frozen():
                search = search_rate(opened, rows, settings.server, settings.seed, handle, threads)
        except HarnessError as error:
            left_out.systems[opened.system] = str(error)
            continue
        laps += [_table(opened, number, offer) for number, offer in enumerate(search.offers)]
        systems[opened.system] = _facts(search)
        if search.bracket.low is None:
            lowest = f"{search.bracket.high:g} queries/s"
            left_out.systems[opened.system] = f"no rate down to {lowest} kept p99 within {settings.server.p99_ms:g} ms"
    facts = {
        **settings.server.model_dump(mode="json"),
        "timeout_ms": timeout_ms(settings.server),
        "seed": settings.seed,
        "systems": systems,
        "left_out": left_out.as_dict(),
    }
    table = pa.concat_tables([LATENCY_SCHEMA.empty_table(), *laps])
    return Measured(list(response_figures(table, ServerFacts.model_validate(facts), bench.by_name)), table, facts)


def _facts(search: RateSearch) -> dict[str, Any]:
    """Return what no row holds: every offer, and how late the generator was."""
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
        for offer in search.offers
    ]
    return {
        "workers": search.workers,
        "outside_lock": search.outside_gil,
        "highest": search.bracket._asdict(),
        "offers": offers,
    }


def _table(opened: OpenedSystem, block: int, offer: OfferedRate) -> pa.Table:
    """Return every response of an offer as a lap (LATENCY_SCHEMA); the block is the number of the offer."""
    count = len(offer.rows)
    queries = opened.queries.table.take(pa.array(offer.rows))
    columns = {
        "dataset": opened.dataset,
        "system": opened.system,
        "arm": "",
        "mode": "server",
        "query_id": queries["id"],
        "query_chars": pc.utf8_length(queries["text"]),
        "block": block,
        "order": np.arange(count),
        "stage": None,
        "ns": offer.responses.ns,
        **offer.noise._asdict(),
        "switches": None,
    }
    arrays = {
        name: value if isinstance(value, np.ndarray | pa.ChunkedArray) else pa.repeat(pa.scalar(value), count)
        for name, value in columns.items()
    }
    return pa.table(arrays).select(LATENCY_SCHEMA.names).cast(LATENCY_SCHEMA)
