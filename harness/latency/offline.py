"""The mode `offline`: throughput in batches, of whole systems in queries and of document-side stages in documents.

As in MLPerf's scenario of that name, all input is loaded before the clock starts, and all work is really done: the
store provides what a stage reads, never what it produces.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.base import Rows
from harness.errors import HarnessError
from harness.execute.outcome import reason_of
from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.isolation import garbage_collection_off
from harness.latency.opened_system import OpenedSystem
from harness.latency.opener import Opener, refuse_service
from harness.latency.repeats import Parts, Rates, Workload, rates
from harness.latency.target_stages import document_stages
from harness.plan import Target
from harness.results import Measurement
from harness.results.left_out import LeftOut, Unmeasured
from harness.results.measured import Measured
from harness.stage import Node
from harness.stage.node import row_noun
from harness.statistics.medians import Rate

MIN_DOCUMENTS = 4096
"""The fewest documents per repeat of a chunker, reducer or indexer; all documents if there are fewer."""


class Key(NamedTuple):
    """What a workload measures: a quantity of a whole system, or of a stage on the document side."""

    owner: str
    """The name of the system, or the fingerprint of the stage's node."""
    quantity: str


def measure_offline(bench: Bench) -> Measured:
    """Measure all systems of a data set, and the stages on the document side that they depend on.

    A stage that several systems share is measured once. `left_out` names what could not be measured, with the reason.
    """
    workloads, settings = _Workloads(bench), bench.settings.offline
    pairs = list(zip(bench.systems, bench.targets, strict=True))
    with thread_pools(bench.runtime.threads), garbage_collection_off():
        for opened, target in pairs:
            workloads.add_queries(opened)
            workloads.add_documents(target)
        measured = rates(
            list(workloads.by_key.values()),
            seconds=settings.seconds,
            repeats=settings.repeats,
            seed=bench.settings.seed,
        )
    by_key = dict(zip(workloads.by_key, measured, strict=True))
    rows = [each for pair in pairs for each in workloads.rows(*pair, by_key)]
    facts: dict[str, Any] = {
        "batch_sizes": list(settings.batch_sizes),
        "seconds": settings.seconds,
        "repeats": settings.repeats,
        "rows_a_repeat": [entry for pair in pairs for entry in workloads.rows_per_repeat(*pair, by_key)],
        "left_out": workloads.left_out.as_dict(),
    }
    return Measured(rows, facts=facts)


class _Workloads:
    """The distinct workloads of a data set, and what became of them."""

    def __init__(self, bench: Bench) -> None:
        self.settings, self.batch_sizes = bench.settings, bench.settings.offline.batch_sizes
        self.openers = {
            size: Opener(bench.plan, bench.store, replace(bench.runtime, batch_size=size))
            for size in (None, *self.batch_sizes)
        }
        self.by_key: dict[Key, Workload] = {}
        self.left_out = LeftOut()

    def add_queries(self, opened: OpenedSystem) -> None:
        """Add a workload for each batch size: queries that go through the whole system."""
        count = len(opened.queries)
        for size in self.batch_sizes:
            key = Key(opened.system, f"query_rate@{size}")
            if count < size:
                reason = f"the data set has {count} queries"
                self.left_out.quantities.append(Unmeasured(opened.system, None, key.quantity, reason))
            else:
                self.by_key[key] = Workload(_answer_in_batches(opened, size), count, size, self.settings.queries)

    def add_documents(self, target: Target) -> None:
        """Add the workloads of the stages on the document side that no earlier system has added."""
        for stage, node in document_stages(target).items():
            for quantity, size in self.quantities(node):
                key = Key(node.fingerprint, quantity)
                if key not in self.by_key:
                    try:
                        self.by_key[key] = self.document_workload(node, size)
                    except HarnessError as error:
                        self.left_out.quantities.append(Unmeasured(target.system, stage, quantity, str(error)))

    def quantities(self, node: Node) -> Iterator[tuple[str, int | None]]:
        """Yield what is measured of a stage, with its batch size: only encoders have one."""
        name = f"{node.stage.role}_rate"
        if node.stage.role != "encode":
            yield name, None
        else:
            yield from ((f"{name}@{size}", size) for size in self.batch_sizes)

    def document_workload(self, node: Node, size: int | None) -> Workload:
        """Open a stage on the document side. Raises HarnessError with the reason if that fails."""
        refuse_service(node, services=self.settings.services)
        opener = self.openers[size]
        inputs: list[Rows] = [opener.load(above) for above in node.stream]
        count = len(inputs[0])
        if size is not None and count < size:
            raise HarnessError(f"the data set has {count} documents")
        call = opener.open_stage(node)

        def process(rows: slice) -> Parts:
            batch = [rows_in.take(rows) for rows_in in inputs]
            gc.collect()
            start = perf_counter_ns()
            call(*batch)
            if opener.wait is not None:
                opener.wait()
            return (perf_counter_ns() - start,)

        workload = Workload(process, count, size or MIN_DOCUMENTS, self.settings.offline.documents)
        try:
            process(slice(0, min(workload.min_rows, count)))
        except Exception as error:  # whatever a stage raises leaves out this figure, and no other
            raise HarnessError(reason_of(node, error)) from error
        return workload

    def rows(self, opened: OpenedSystem, target: Target, measured: dict[Key, Rates]) -> Iterator[Measurement]:
        """Yield the rows of one system."""
        for size in self.batch_sizes:
            key = Key(opened.system, f"query_rate@{size}")
            if key in measured:
                for stage, rate in zip((None, *opened.stage_names), measured[key].parts, strict=True):
                    yield _row(opened, stage, key.quantity, rate, "queries/s")
        for stage, node in document_stages(target).items():
            for quantity, _ in self.quantities(node):
                key = Key(node.fingerprint, quantity)
                if key in measured:
                    unit = f"{row_noun(node.stream[0])}s/s"
                    yield _row(opened, stage, quantity, measured[key].parts[0], unit)

    def rows_per_repeat(
        self, opened: OpenedSystem, target: Target, measured: dict[Key, Rates]
    ) -> Iterator[dict[str, Any]]:
        """Yield how many rows a repeat of each figure of one system had."""
        keys: list[tuple[str | None, Key]] = [
            (None, Key(opened.system, f"query_rate@{size}")) for size in self.batch_sizes
        ]
        for stage, node in document_stages(target).items():
            keys += [(stage, Key(node.fingerprint, quantity)) for quantity, _ in self.quantities(node)]
        for stage_name, key in keys:
            if key in measured:
                rows = measured[key].rows
                yield {"system": opened.system, "stage": stage_name, "quantity": key.quantity, "rows": rows}


def _answer_in_batches(opened: OpenedSystem, size: int) -> Callable[[slice], Parts]:
    def answer(rows: slice) -> Parts:
        starts = range(rows.start, rows.stop, size)
        laps = [opened.answer(slice(start, min(start + size, rows.stop))).lap for start in starts]
        spans = np.array([lap.spans for lap in laps]).sum(axis=0)
        return (sum(lap.ns for lap in laps), *spans.tolist())

    return answer


def _row(opened: OpenedSystem, stage: str | None, quantity: str, rate: Rate, unit: str) -> Measurement:
    return Measurement.of(opened, quantity, rate.value, unit, stage=stage, n=rate.n, low=rate.low, high=rate.high)
