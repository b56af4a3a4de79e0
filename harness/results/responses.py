"""The numbers that follow from the responses of the mode `server`, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.laps import MS, Figure
from harness.statistics.block_bootstrap import quantiles

LEVELS = {"server_p50": 0.5, "server_p95": 0.95, "server_p99": 0.99}
WINDOWS = 30
"""Parts of an offer that are resampled: responses in one queue are alike for a while, so neighbours stay together."""


def response_figures(laps: pa.Table, said: Mapping[str, Any]) -> Iterator[Figure]:
    """Give the numbers of one data set's responses (LATENCY_SCHEMA); `said` is what run.json says of the mode.

    They are those of the rates that the suite names and of the highest that held. Raises KeyError where `said` is not
    what the mode says.
    """
    laps = laps.filter(pc.equal(laps["mode"], "server"))
    timeout_ns = int(said["timeout_ms"] / MS)
    for system, facts in said["systems"].items():
        mine = laps.filter(pc.equal(laps["system"], system))
        low, high = facts["highest"]["low"], facts["highest"]["high"]
        blocks = {offer["rate"]: block for block, offer in enumerate(facts["offers"])}
        if low is not None:
            asked = facts["offers"][blocks[low]]["requests"]
            yield Figure(system, None, "server_max_rate", low, "queries/s", asked, low, high)
        for rate, block in blocks.items():
            if rate in said["rates"] or rate == low:
                yield from _of_offer(
                    system, rate, mine.filter(pc.equal(mine["block"], block))["ns"].to_numpy(), timeout_ns
                )


def _of_offer(system: str, rate: float, ns: np.ndarray, timeout_ns: int) -> Iterator[Figure]:
    """Give percentiles, and the share of requests that failed or were too late: their latency is the time-out."""
    from scipy.stats import binomtest

    count, name = len(ns), f"{rate:.10g}"
    windows = np.arange(count) * WINDOWS // count
    for quantity, found in zip(LEVELS, quantiles(ns * MS, windows, list(LEVELS.values())), strict=True):
        yield Figure(system, None, f"{quantity}@{name}", found.value, "ms", count, found.low, found.high)
    bad = int((ns >= timeout_ns).sum())
    ends = binomtest(bad, count).proportion_ci()
    yield Figure(system, None, f"server_errors@{name}", bad / count, "", count, float(ends.low), float(ends.high))
