"""The numbers that follow from laps alone: percentiles, means, paired ratios, the noise floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.measurement import Measurement, System
from harness.statistics.block_bootstrap import Estimate, laps_needed, mean, paired_ratio, quantiles

PERCENTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
AGAIN = "again"
"""The name of the arm in which the reference is measured a second time."""
RATIO_CONFIDENCE = 0.99
"""The confidence level of ratios: above 95 %, since a report has dozens of them and conclusions rest on single ones."""
MS = 1e-6
"""The factor from nanoseconds to milliseconds."""


class Series(NamedTuple):
    """The laps of one arm in time order: int64[laps] in ns, and the block of each lap, int[laps]."""

    ns: np.ndarray
    blocks: np.ndarray


Key = tuple[str, str, str | None]
"""A system, its arm, and the stage; None for the whole system."""


def series(laps: pa.Table) -> dict[Key, Series]:
    """Split the single-stream laps of one data set by (system, arm, stage)."""
    laps = laps.filter(pc.equal(laps["mode"], "single"))
    keys = list(zip(*(laps[name].to_pylist() for name in ("system", "arm", "stage")), strict=True))
    ns, blocks = laps["ns"].to_numpy(), laps["block"].to_numpy()
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    key_of_lap = np.array([numbers[key] for key in keys], dtype=np.int64)
    return {key: Series(ns[key_of_lap == number], blocks[key_of_lap == number]) for key, number in numbers.items()}


def figures(laps: pa.Table, reference: str, systems: Mapping[str, System]) -> Iterator[Measurement]:
    """Yield the numbers of one data set's laps (LATENCY_SCHEMA); the same laps always yield the same numbers.

    `systems` are the timed systems by name. Raises KeyError if laps name another one.
    """
    arms = series(laps)
    for (name, arm, stage), (ns, blocks) in arms.items():
        if arm:
            continue
        system = systems[name]
        if stage is not None:
            if len(ns) >= laps_needed(0.5):
                yield _row(system, "latency_p50", "ms", quantiles(ns * MS, blocks, [0.5])[0], stage)
            continue
        yield from _whole(system, ns * MS, blocks)
        if name != reference:
            yield _row(system, "latency_ratio", "", ratio(arms, name, "", reference))
        else:
            again = ratio(arms, reference, AGAIN, reference)
            if math.isfinite(again.half_width):
                yield Measurement.of(system, "latency_noise_floor", again.half_width, n=again.n)


def ratio(arms: Mapping[Key, Series], system: str, arm: str, reference: str) -> Estimate:
    """Compare an arm with the reference, lap by lap: both answered the same queries at the same time."""
    ns, blocks = arms[system, arm, None]
    return paired_ratio(ns, arms[reference, "", None].ns, blocks, RATIO_CONFIDENCE)


def _whole(system: System, times: np.ndarray, blocks: np.ndarray) -> Iterator[Measurement]:
    levels = {name: level for name, level in PERCENTILES.items() if len(times) >= laps_needed(level)}
    for name, estimate in zip(levels, quantiles(times, blocks, list(levels.values())), strict=True):
        yield _row(system, name, "ms", estimate)
    if "latency_p99" not in levels:
        yield Measurement.of(system, "latency_max", float(times.max()), "ms", n=len(times))
    yield _row(system, "latency_mean", "ms", mean(times, blocks))


def _row(system: System, quantity: str, unit: str, estimate: Estimate, stage: str | None = None) -> Measurement:
    low, high = (end if math.isfinite(end) else None for end in (estimate.low, estimate.high))
    return Measurement.of(system, quantity, estimate.value, unit, stage=stage, n=estimate.n, low=low, high=high)
