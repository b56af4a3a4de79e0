"""Numbers computed from the responses of the mode `server` alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.laps import MS
from harness.results.latency_facts import ServerFacts
from harness.results.measurement import Measurement, System
from harness.statistics.block_bootstrap import quantiles

LEVELS = {"server_p50": 0.5, "server_p95": 0.95, "server_p99": 0.99}
WINDOWS = 30
"""The number of parts of an offer that are resampled: neighbouring responses share a queue, so they stay together."""


def response_figures(laps: pa.Table, server: ServerFacts, systems: Mapping[str, System]) -> Iterator[Measurement]:
    """Yield the numbers of one data set's responses (LATENCY_SCHEMA), measured as `server` says.

    They cover the rates that the suite names and the highest rate that the system sustained. `systems` are the timed
    systems by name. Raises KeyError if `server` names a system that is not among these, or a highest rate that is not
    among its offers.
    """
    laps = laps.filter(pc.equal(laps["mode"], "server"))
    timeout_ns = math.inf if server.timeout_ms is None else int(server.timeout_ms / MS)
    for name, searched in server.systems.items():
        system = systems[name]
        responses = laps.filter(pc.equal(laps["system"], name))
        low, high = searched.highest.low, searched.highest.high
        blocks = {offer.rate: block for block, offer in enumerate(searched.offers)}
        if low is not None:
            requests = searched.offers[blocks[low]].requests
            yield Measurement.of(system, "server_max_rate", low, "queries/s", n=requests, low=low, high=high)
        for rate, block in blocks.items():
            if rate in server.rates or rate == low:
                ns = responses.filter(pc.equal(responses["block"], block))["ns"].to_numpy()
                yield from _of_offer(system, rate, ns, timeout_ns)


def _of_offer(system: System, rate: float, ns: np.ndarray, timeout_ns: float) -> Iterator[Measurement]:
    """Yield percentiles, and the share of requests that failed or were late: their response time is the time-out."""
    from scipy.stats import binomtest

    count, at = len(ns), f"{rate:.10g}"
    windows = np.arange(count) * WINDOWS // count
    for quantity, estimate in zip(LEVELS, quantiles(ns * MS, windows, list(LEVELS.values())), strict=True):
        low, high = estimate.low, estimate.high
        yield Measurement.of(system, f"{quantity}@{at}", estimate.value, "ms", n=count, low=low, high=high)
    bad = int((ns >= timeout_ns).sum())
    ends = binomtest(bad, count).proportion_ci()
    low, high = float(ends.low), float(ends.high)
    yield Measurement.of(system, f"server_errors@{at}", bad / count, n=count, low=low, high=high)
