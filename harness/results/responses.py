"""Numbers computed from the responses of the mode `server` alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.laps import MS, Figure
from harness.results.latency_facts import ServerFacts
from harness.statistics.block_bootstrap import quantiles

LEVELS = {"server_p50": 0.5, "server_p95": 0.95, "server_p99": 0.99}
WINDOWS = 30
"""The number of parts of an offer that are resampled: neighbouring responses share a queue, so they stay together."""


def response_figures(laps: pa.Table, server: ServerFacts) -> Iterator[Figure]:
    """Yield the numbers of one data set's responses (LATENCY_SCHEMA), measured as `server` says.

    They are those of the rates that the suite names and of the highest rate that held. Raises KeyError if that rate is
    not among the offers.
    """
    laps = laps.filter(pc.equal(laps["mode"], "server"))
    timeout_ns = math.inf if server.timeout_ms is None else int(server.timeout_ms / MS)
    for system, served in server.systems.items():
        own = laps.filter(pc.equal(laps["system"], system))
        low, high = served.highest.low, served.highest.high
        blocks = {offer.rate: block for block, offer in enumerate(served.offers)}
        if low is not None:
            requests = served.offers[blocks[low]].requests
            yield Figure(system, None, "server_max_rate", low, "queries/s", requests, low, high)
        for rate, block in blocks.items():
            if rate in server.rates or rate == low:
                ns = own.filter(pc.equal(own["block"], block))["ns"].to_numpy()
                yield from _of_offer(system, rate, ns, timeout_ns)


def _of_offer(system: str, rate: float, ns: np.ndarray, timeout_ns: float) -> Iterator[Figure]:
    """Yield percentiles, and the share of requests that failed or were late: their response time is the time-out."""
    from scipy.stats import binomtest

    count, name = len(ns), f"{rate:.10g}"
    windows = np.arange(count) * WINDOWS // count
    for quantity, estimate in zip(LEVELS, quantiles(ns * MS, windows, list(LEVELS.values())), strict=True):
        yield Figure(system, None, f"{quantity}@{name}", estimate.value, "ms", count, estimate.low, estimate.high)
    bad = int((ns >= timeout_ns).sum())
    ends = binomtest(bad, count).proportion_ci()
    yield Figure(system, None, f"server_errors@{name}", bad / count, "", count, float(ends.low), float(ends.high))
