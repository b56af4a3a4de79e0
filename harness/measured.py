"""What a mode of measurement is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from harness import machine
from harness.lanes import Lane
from harness.latency_words import Latency
from harness.plan import Plan, Target
from harness.results import LATENCY_SCHEMA, Measurement
from harness.stage import Runtime
from harness.store import Store


@dataclass(frozen=True)
class Bench:
    """One data set with the systems of it that can be timed, and all that a mode may need besides."""

    plan: Plan
    store: Store
    runtime: Runtime
    words: Latency
    dataset: str
    targets: tuple[Target, ...]
    """Of the lanes, in their order."""
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Measured:
    """Rows of measurements.jsonl, laps (LATENCY_SCHEMA), and what run.json says of the measurement."""

    rows: list[Measurement] = field(default_factory=list)
    laps: pa.Table = field(default_factory=LATENCY_SCHEMA.empty_table)
    said: Mapping[str, Any] = field(default_factory=dict)


def row(
    lane: Lane,
    quantity: str,
    value: float,
    unit: str,
    stage: str | None = None,
    n: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Measurement:
    """Return a number about a lane, or a stage of it, as it stands in measurements.jsonl."""
    return Measurement(
        dataset=lane.dataset,
        system=lane.system,
        stage=stage,
        quantity=quantity,
        value=value,
        unit=unit,
        n=n,
        low=low,
        high=high,
        fingerprint=lane.run,
        machine=machine.describe().id,
    )
