"""A picklable reference to a system, by which a worker process opens it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Self

from harness.errors import HarnessError
from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.isolation import existing_objects_frozen
from harness.latency.opened_system import Lap, OpenedSystem
from harness.latency.opener import open_systems
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime


@dataclass(frozen=True)
class SystemHandle:
    """A system on a data set, by name, and what it takes to open it in another process."""

    suite: Path
    dataset: str
    system: str
    store: Path
    device: str
    threads: int
    services: bool

    @classmethod
    def of(cls, bench: Bench, opened: OpenedSystem) -> Self:
        """Return the handle of an opened system."""
        return cls(
            suite=bench.plan.suite.file,
            dataset=opened.dataset,
            system=opened.system,
            store=bench.store.root.absolute(),
            device=bench.runtime.device,
            threads=bench.runtime.threads,
            services=bench.settings.services,
        )

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], Lap]]:
        """Open the system and yield the function that answers the query of a row.

        Threads and garbage collection are as for workers in the harness's own process. Raises HarnessError if the
        system cannot be opened.
        """
        only = [escape(self.system)]
        plan, store = prepare_plan(self.suite, only, [self.dataset], self.store, self.device, fetch=False)
        runtime = Runtime(self.device, self.threads)
        with thread_pools(self.threads) as pools:
            systems, left_out = open_systems(plan, plan.targets, store, runtime, services=self.services)
            if not systems:
                raise HarnessError("; ".join(left_out.values()))
            pools.update()
            with existing_objects_frozen():
                yield systems[0].lap
