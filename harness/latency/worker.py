"""A system opened again, in another process: what it takes to do so, small enough to be sent there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Self

from harness.errors import HarnessError
from harness.latency.bench import Bench
from harness.latency.opened_system import Lap, OpenedSystem, open_systems
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime


@dataclass(frozen=True)
class SystemHandle:
    """Names a system on a data set; called, it opens the lane and returns what answers a row of the queries."""

    suite: Path
    dataset: str
    system: str
    store: Path
    device: str
    threads: int
    services: bool

    @classmethod
    def of(cls, bench: Bench, lane: OpenedSystem) -> Self:
        """Name a lane as the suite does."""
        store, runtime = bench.store.root.absolute(), bench.runtime
        said = (bench.plan.suite.file, lane.dataset, lane.system, store)
        return cls(*said, runtime.device, runtime.threads, bench.words.services)

    def __call__(self) -> Callable[[int], Lap]:
        """Open it. HarnessError where it cannot be."""
        alone = [escape(self.system)]
        plan, store = prepare_plan(self.suite, alone, [self.dataset], self.store, self.device, fetch=False)
        runtime = Runtime(self.device, self.threads)
        lanes, left_out = open_systems(plan, plan.targets, store, runtime, services=self.services)
        if not lanes:
            raise HarnessError("; ".join(left_out.values()))
        return lanes[0].lap
