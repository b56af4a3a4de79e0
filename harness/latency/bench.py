"""What a mode of measurement is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

from harness.latency.opened_system import OpenedSystem
from harness.plan import Plan, Target
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
