"""The numbers that follow from laps, and from nothing else: percentiles, means, paired ratios, the noise floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.statistics.block_bootstrap import Estimate, laps_needed, mean, paired_ratio, quantiles

PERCENTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
QUANTITIES = {*PERCENTILES, "latency_max", "latency_mean", "latency_ratio", "latency_noise_floor"}
"""All that `figures` gives."""
AGAIN = "again"
"""The arm in which the reference is measured a second time."""
RATIO_CONFIDENCE = 0.99
"""Of ratios: a report has dozens of them, and every measurement stands or falls with one."""
MS = 1e-6
"""Nanoseconds to milliseconds."""


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
    """The laps of one arm in the order of time: int64[laps], ns, and the block of each."""

    ns: np.ndarray
    blocks: np.ndarray


def series(laps: pa.Table) -> dict[tuple[str, str, str | None], Series]:
    """Take the single-stream laps of one data set apart, by (system, arm, stage)."""
    laps = laps.filter(pc.equal(laps["mode"], "single"))
    keys = list(zip(*(laps[name].to_pylist() for name in ("system", "arm", "stage")), strict=True))
    ns, blocks = laps["ns"].to_numpy(), laps["block"].to_numpy()
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    of = np.array([numbers[key] for key in keys], dtype=np.int64)
    return {key: Series(ns[of == number], blocks[of == number]) for key, number in numbers.items()}


def figures(laps: pa.Table, reference: str) -> Iterator[Figure]:
    """Give the numbers of one data set's laps (LATENCY_SCHEMA); the same laps give the same numbers."""
    found = series(laps)
    for (system, arm, stage), (ns, blocks) in found.items():
        if arm:
            continue
        if stage is not None:
            if len(ns) >= laps_needed(0.5):
                yield _figure(system, stage, "latency_p50", "ms", quantiles(ns * MS, blocks, [0.5])[0])
            continue
        yield from _whole(system, ns * MS, blocks)
        if system != reference:
            yield _figure(system, None, "latency_ratio", "", ratio(found, system, "", reference))
        else:
            twin = ratio(found, reference, AGAIN, reference)
            if math.isfinite(twin.half_width):
                yield Figure(reference, None, "latency_noise_floor", twin.half_width, "", twin.n)


def ratio(found: Mapping[tuple[str, str, str | None], Series], system: str, arm: str, reference: str) -> Estimate:
    """Compare an arm with the reference, lap by lap: both went through the same queries at the same time."""
    ns, blocks = found[system, arm, None]
    return paired_ratio(ns, found[reference, "", None].ns, blocks, RATIO_CONFIDENCE)


def _whole(system: str, times: np.ndarray, blocks: np.ndarray) -> Iterator[Figure]:
    levels = {name: level for name, level in PERCENTILES.items() if len(times) >= laps_needed(level)}
    for name, found in zip(levels, quantiles(times, blocks, list(levels.values())), strict=True):
        yield _figure(system, None, name, "ms", found)
    if "latency_p99" not in levels:
        yield Figure(system, None, "latency_max", float(times.max()), "ms", len(times))
    yield _figure(system, None, "latency_mean", "ms", mean(times, blocks))


def _figure(system: str, stage: str | None, quantity: str, unit: str, found: Estimate) -> Figure:
    low, high = (number if math.isfinite(number) else None for number in (found.low, found.high))
    return Figure(system, stage, quantity, found.value, unit, found.n, low, high)
