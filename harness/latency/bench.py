"""What every mode of measurement receives, on one data set."""

from __future__ import annotations

from dataclasses import dataclass

from harness.latency.opened_system import OpenedSystem
from harness.plan import Plan, Target
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

    @property
    def by_name(self) -> dict[str, OpenedSystem]:
        """The opened systems by their names."""
        return {opened.system: opened for opened in self.systems}
