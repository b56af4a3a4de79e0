"""The offline mode: how many queries a second a system answers, and documents a second its stages take in, in batches.

Everything is at hand before the clock starts, as in MLPerf's scenario of that name, and everything is really done:
the store gives what a stage reads, never what it makes.
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
from harness.execute.local import reason_of
from harness.latency.bench import Bench, row
from harness.latency.isolation import garbage_collection_off, pinned_threads
from harness.latency.opened_system import OpenedSystem, Opener, named
from harness.latency.repeats import Parts, Rates, Workload, rates
from harness.plan import Target
from harness.results import Measurement
from harness.results.left_out import LeftOut, Unmeasured
from harness.results.measured import Measured
from harness.stage import Node
from harness.stage.node import row_noun
from harness.statistics.medians import Rate

INDEXED = 4096
"""Documents of a stretch that is chunked, reduced or indexed, at least: those that there are, where they are fewer."""


class Key(NamedTuple):
    """What a work measures: a quantity of a whole lane, or of a stage on the side of the documents."""

    of: str
    """The system, or the fingerprint of the stage's node."""
    quantity: str


def measure_offline(bench: Bench) -> Measured:
    """Measure all lanes of a data set, and the stages on the side of the documents that stand behind them.

    A stage that several systems share is measured once. What cannot be measured is named, with the reason, in what is
    said.
    """
    works, said = _Works(bench), bench.words.offline
    pairs = list(zip(bench.lanes, bench.targets, strict=True))
    with pinned_threads(bench.runtime.threads), garbage_collection_off():
        for lane, target in pairs:
            works.add_queries(lane)
            works.add_documents(target)
        took = rates(list(works.found.values()), seconds=said.seconds, repeats=said.repeats, seed=bench.words.seed)
    found = dict(zip(works.found, took, strict=True))
    rows = [one for lane, target in pairs for one in works.rows(lane, target, found)]
    stretches = [one for lane, target in pairs for one in works.stretches(lane, target, found)]
    settings = {"batch_sizes": list(said.batch_sizes), "seconds": said.seconds, "repeats": said.repeats}
    return Measured(rows, said={**settings, "rows_a_repeat": stretches, "left_out": works.left_out.words()})


class _Works:
    def __init__(self, bench: Bench) -> None:
        self.words, self.sizes = bench.words, bench.words.offline.batch_sizes
        self.openers = {
            size: Opener(bench.plan, bench.store, replace(bench.runtime, batch_size=size))
            for size in (None, *self.sizes)
        }
        self.found: dict[Key, Workload] = {}
        self.left_out = LeftOut()

    def add_queries(self, lane: OpenedSystem) -> None:
        for size in self.sizes:
            key, there = Key(lane.system, f"query_rate@{size}"), len(lane.queries)
            if there < size:
                few = Unmeasured(lane.system, None, key.quantity, f"the data set has {there} queries")
                self.left_out.quantities.append(few)
            else:
                self.found[key] = Workload(_answering(lane, size), there, size, self.words.queries)

    def add_documents(self, target: Target) -> None:
        for stage, node in named(target).items():
            for quantity, size in self.quantities(node):
                key = Key(node.fingerprint, quantity)
                if key not in self.found:
                    try:
                        self.found[key] = self.making(node, size)
                    except HarnessError as error:
                        self.left_out.quantities.append(Unmeasured(target.system, stage, quantity, str(error)))

    def quantities(self, node: Node) -> Iterator[tuple[str, int | None]]:
        """Give what is measured of a stage: an encoder works in batches, all others on what they get."""
        name = f"{node.stage.role}_rate"
        if node.stage.role != "encode":
            yield name, None
        else:
            yield from ((f"{name}@{size}", size) for size in self.sizes)

    def making(self, node: Node, size: int | None) -> Workload:
        """Open a stage of the documents' side. HarnessError says why it cannot be."""
        if node.stage.service and not self.words.services:
            raise HarnessError(f"'{node.stage.word()}' calls a service: say latency: {{services: true}}")
        opener = self.openers[size]
        given: list[Rows] = [opener.load(above) for above in node.stream]
        there = len(given[0])
        if size is not None and there < size:
            raise HarnessError(f"the data set has {there} documents")
        call = opener.call(node)

        def do(rows: slice) -> Parts:
            taken = [one.take(rows) for one in given]
            gc.collect()
            start = perf_counter_ns()
            call(*taken)
            if opener.wait is not None:
                opener.wait()
            return (perf_counter_ns() - start,)

        work = Workload(do, there, size or INDEXED, self.words.offline.documents)
        try:
            do(slice(0, min(work.least, there)))
        except Exception as error:  # whatever a stage raises leaves out this figure, and no other
            raise HarnessError(reason_of(node, error)) from error
        return work

    def rows(self, lane: OpenedSystem, target: Target, found: dict[Key, Rates]) -> Iterator[Measurement]:
        """Give the rows of one system."""
        for size in self.sizes:
            quantity = f"query_rate@{size}"
            if Key(lane.system, quantity) in found:
                for stage, rate in zip((None, *lane.stages), found[Key(lane.system, quantity)].parts, strict=True):
                    yield _row(lane, stage, quantity, rate, "queries/s")
        for stage, node in named(target).items():
            for quantity, _ in self.quantities(node):
                if Key(node.fingerprint, quantity) in found:
                    rate = found[Key(node.fingerprint, quantity)].parts[0]
                    yield _row(lane, stage, quantity, rate, f"{row_noun(node.stream[0])}s/s")

    def stretches(self, lane: OpenedSystem, target: Target, found: dict[Key, Rates]) -> Iterator[dict[str, Any]]:
        """Say how many rows a repeat of each figure of one system had."""
        keys: list[tuple[str | None, Key]] = [(None, Key(lane.system, f"query_rate@{size}")) for size in self.sizes]
        for stage, node in named(target).items():
            keys += [(stage, Key(node.fingerprint, quantity)) for quantity, _ in self.quantities(node)]
        for where, key in keys:
            if key in found:
                yield {"system": lane.system, "stage": where, "quantity": key.quantity, "rows": found[key].rows}


def _answering(lane: OpenedSystem, size: int) -> Callable[[slice], Parts]:
    def do(rows: slice) -> Parts:
        laps = [
            lane.answer(slice(start, min(start + size, rows.stop))).lap for start in range(rows.start, rows.stop, size)
        ]
        spans = np.array([lap.spans for lap in laps]).sum(axis=0)
        return (sum(lap.ns for lap in laps), *spans.tolist())

    return do


def _row(lane: OpenedSystem, stage: str | None, quantity: str, rate: Rate, unit: str) -> Measurement:
    return row(lane, quantity, rate.value, unit, stage, rate.n, rate.low, rate.high)
