"""Numbers computed from laps alone: percentiles, means, paired ratios and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.statistics.block_bootstrap import Estimate, laps_needed, mean, paired_ratio, quantiles

PERCENTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
AGAIN = "again"
"""The name of the arm in which the reference is measured a second time."""
RATIO_CONFIDENCE = 0.99
"""The confidence of ratios: a report has dozens of them, and every measurement depends on one of them."""
MS = 1e-6
"""The factor from nanoseconds to milliseconds."""


class Figure(NamedTuple):
    """One number about a system; `stage` is None where it is about the whole of it."""

    system: str
    stage: str | None
    quantity: str
    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    """The laps of one arm in the order of time, int64[laps] in ns, and the block of each lap."""

    ns: np.ndarray
    blocks: np.ndarray


def series(laps: pa.Table) -> dict[tuple[str, str, str | None], Series]:
    """Return the single-stream laps of one data set by (system, arm, stage)."""
    laps = laps.filter(pc.equal(laps["mode"], "single"))
    keys = list(zip(*(laps[name].to_pylist() for name in ("system", "arm", "stage")), strict=True))
    ns, blocks = laps["ns"].to_numpy(), laps["block"].to_numpy()
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    series_of = np.array([numbers[key] for key in keys], dtype=np.int64)
    return {key: Series(ns[series_of == number], blocks[series_of == number]) for key, number in numbers.items()}


def figures(laps: pa.Table, reference: str) -> Iterator[Figure]:
    """Yield the numbers of one data set's laps (LATENCY_SCHEMA); equal laps give equal numbers."""
    arms = series(laps)
    for (system, arm, stage), (ns, blocks) in arms.items():
        if arm:
            continue
        if stage is not None:
            if len(ns) >= laps_needed(0.5):
                yield _figure(system, stage, "latency_p50", "ms", quantiles(ns * MS, blocks, [0.5])[0])
            continue
        yield from _whole(system, ns * MS, blocks)
        if system != reference:
            yield _figure(system, None, "latency_ratio", "", ratio(arms, system, "", reference))
        else:
            again = ratio(arms, reference, AGAIN, reference)
            if math.isfinite(again.half_width):
                yield Figure(reference, None, "latency_noise_floor", again.half_width, "", again.n)


def ratio(arms: Mapping[tuple[str, str, str | None], Series], system: str, arm: str, reference: str) -> Estimate:
    """Compare an arm with the reference lap by lap: both answered the same queries at the same time."""
    ns, blocks = arms[system, arm, None]
    return paired_ratio(ns, arms[reference, "", None].ns, blocks, RATIO_CONFIDENCE)


def _whole(system: str, times: np.ndarray, blocks: np.ndarray) -> Iterator[Figure]:
    levels = {name: level for name, level in PERCENTILES.items() if len(times) >= laps_needed(level)}
    for name, estimate in zip(levels, quantiles(times, blocks, list(levels.values())), strict=True):
        yield _figure(system, None, name, "ms", estimate)
    if "latency_p99" not in levels:
        yield Figure(system, None, "latency_max", float(times.max()), "ms", len(times))
    yield _figure(system, None, "latency_mean", "ms", mean(times, blocks))


def _figure(system: str, stage: str | None, quantity: str, unit: str, estimate: Estimate) -> Figure:
    low, high = (end if math.isfinite(end) else None for end in (estimate.low, estimate.high))
    return Figure(system, stage, quantity, estimate.value, unit, estimate.n, low, high)
