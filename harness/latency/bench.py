"""What every mode of measurement receives, and how it turns numbers into rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness import machine
from harness.latency.opened_system import OpenedSystem
from harness.plan import Plan, Target
from harness.results import Measurement
from harness.results.laps import Figure
from harness.stage import Runtime
from harness.store import Store
from harness.suite.latency import Latency


@dataclass(frozen=True)
class Bench:
    """One data set, its systems that can be timed, and everything else that a mode may need."""

    plan: Plan
    store: Store
    runtime: Runtime
    settings: Latency
    dataset: str
    targets: tuple[Target, ...]
    """The targets of `systems`, in the same order."""
    systems: tuple[OpenedSystem, ...]


def row(
    opened: OpenedSystem,
    quantity: str,
    value: float,
    unit: str,
    *,
    stage: str | None = None,
    n: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Measurement:
    """Return a number about a system, or about one of its stages, as a row of measurements.jsonl."""
    return Measurement(
        dataset=opened.dataset,
        system=opened.system,
        stage=stage,
        quantity=quantity,
        value=value,
        unit=unit,
        n=n,
        low=low,
        high=high,
        fingerprint=opened.fingerprint,
        machine=machine.describe().id,
    )


def figure_rows(systems: Iterable[OpenedSystem], figures: Iterable[Figure]) -> list[Measurement]:
    """Return figures about these systems as rows of measurements.jsonl."""
    by_name = {opened.system: opened for opened in systems}
    return [
        row(by_name[f.system], f.quantity, f.value, f.unit, stage=f.stage, n=f.n, low=f.low, high=f.high)
        for f in figures
    ]
