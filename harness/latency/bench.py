"""What a mode of measurement is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

from harness import machine
from harness.latency.opened_system import OpenedSystem
from harness.plan import Plan, Target
from harness.results import Measurement
from harness.stage import Runtime
from harness.store import Store
from harness.suite.latency import Latency


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
    lanes: tuple[OpenedSystem, ...]


def row(
    lane: OpenedSystem,
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
