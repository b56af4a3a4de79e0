"""Makes single nodes: opens a stage, runs it whole or in chunks, accounts for its cost and saves what it made."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from harness import machine
from harness.artifacts.base import Artifact, Rows
from harness.execute.chunks import Chunks
from harness.execute.outcome import NodeOutcome, reason_of
from harness.execute.progress import Progress
from harness.execute.threads import ThreadPools, thread_pools
from harness.fingerprint import Fingerprint, fingerprint
from harness.meter import Cost, Paid, peak_rss_bytes, timed
from harness.plan.leaves import Leaves
from harness.stage import ModelSource, Node, Runtime, Source
from harness.store import Entry, Store

Opening = Callable[[], Callable[..., Any]]
"""Opens a stage, and returns its call."""


class Maker:
    """Makes single nodes in this process. It needs no plan, only the leaves that the nodes depend on.

    Costs are differences between counters of the process and the runtime, so nodes are made one after the other.
    To make several at a time, give each process a maker of its own; all of them may share a store.
    """

    def __init__(self, leaves: Leaves, store: Store, runtime: Runtime, progress: Progress) -> None:
        self.leaves, self.store, self.runtime, self.progress = leaves, store, runtime, progress
        self._sources: dict[Fingerprint, Artifact] = {}
        self._scorers: dict[Fingerprint, Callable[..., Any]] = {}
        self._noted: set[Fingerprint] = set()

    def __call__(self, node: Node) -> NodeOutcome:
        """Make a node whose inputs are in the store and save it; if another process is making it, wait for that.

        Whatever the stage raises is returned as the reason of a failure.
        """
        with self.store.lock(node.fingerprint, lambda: self.progress.waiting(node)):
            if self.store.usable(node.fingerprint):
                return NodeOutcome("reused")
            start = time.perf_counter()
            try:
                with thread_pools(self.runtime.threads) as pools:
                    self._make(node, pools)
            except Exception as error:  # a stage may raise anything
                seconds = time.perf_counter() - start
                return NodeOutcome("failed", seconds, reason_of(node, error), traceback.format_exc())
            return NodeOutcome("made", time.perf_counter() - start)

    def _make(self, node: Node, pools: ThreadPools) -> None:
        if isinstance(node.stage, Source):
            self.progress.started(node, None)
            artifact = self.leaves.loader(node.fingerprint)()
            self.store.save(artifact, Entry(node.fingerprint, node.recipe, about=self.leaves.about(node.fingerprint)))
            return
        stream = [self._load(above) for above in node.stream]
        static = [above and self._load(above) for above in node.static]
        cpu, halved = time.process_time(), self.runtime.bill.halved
        rows = len(stream[0]) if isinstance(stream[0], Rows) else 1
        chunks = Chunks(self.store, node, rows) if node.stage.rowwise else None
        opening = partial(self._open, node, static, pools)
        work = self._whole(node, stream, opening) if chunks is None else self._chunked(node, chunks, stream, opening)
        cost = Cost(
            machine=machine.describe().id,
            device=self.runtime.device,
            threads=self.runtime.threads,
            items=rows,
            open_seconds=work.open_seconds,
            call_seconds=work.call_seconds,
            cpu_seconds=time.process_time() - cpu,
            api_tokens=work.paid.tokens,
            api_usd=work.paid.usd,
            halved=self.runtime.bill.halved - halved,
            api_answers=work.paid.answers,
            api_malformed=work.paid.malformed,
            peak_rss_bytes=peak_rss_bytes(),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.store.save(work.artifact, Entry(node.fingerprint, node.recipe, cost))
        if chunks is not None:
            chunks.drop()

    def _whole(self, node: Node, stream: list[Any], opening: Opening) -> _Work:
        """Run a stage once on everything that it takes."""
        self.progress.started(node, None)
        before = self.runtime.bill.total
        call, opened = timed(opening)
        artifact, called = timed(lambda: call(*stream))
        if not isinstance(artifact, node.gives):
            raise TypeError(f"returned {type(artifact).__name__}, not {node.gives.__name__}")
        return _Work(artifact, opened, called, self.runtime.bill.total.minus(before))

    def _chunked(self, node: Node, chunks: Chunks, stream: list[Any], opening: Opening) -> _Work:
        """Run a stage on each chunk of rows that is missing; times and prices include the chunks made earlier."""
        self.progress.started(node, len(stream[0]))
        self.progress.advanced(node, chunks.finished_rows)
        opened = 0.0
        if chunks.missing:
            bill = self.runtime.bill
            before = bill.total
            call, opened = timed(opening)
            for rows in chunks.missing:
                part, seconds = timed(partial(call, *(item.take(rows) for item in stream)))
                chunks.keep(rows, part, seconds, bill.total.minus(before))
                before = bill.total
                self.progress.advanced(node, rows.stop - rows.start)
        return _Work(chunks.join(), opened, chunks.seconds, chunks.paid)

    def _open(self, node: Node, static: list[Any], pools: ThreadPools) -> Callable[..., Any]:
        """Open a stage; each role declares its own arguments, in the order of `static`.

        A scorer is opened once for all nodes with the same scorer and static inputs, so that judgements are resolved
        once for all systems of a data set.
        """
        name = fingerprint({"stage": node.stage.recipe, "static": node.recipe["static"]})
        if name in self._scorers:
            return self._scorers[name]
        call: Callable[..., Any] = node.stage.open(self.runtime, *static)  # type: ignore[attr-defined]
        pools.update()
        if node.stage.role == "score":
            self._scorers[name] = call
        return call

    def _load(self, node: Node) -> Artifact:
        """Load an input; parts of data sets are kept, since many nodes read them."""
        if node.fingerprint in self._sources:
            return self._sources[node.fingerprint]
        artifact = self.leaves.load_output(node, self.store)
        if isinstance(node.stage, ModelSource):
            self._note_model(node)
        elif isinstance(node.stage, Source):
            self._sources[node.fingerprint] = artifact
        return artifact

    def _note_model(self, node: Node) -> None:
        """Enter a model in the ledger once: it is never stored, but `harness plan` explains what was made with it."""
        if node.fingerprint not in self._noted:
            self._noted.add(node.fingerprint)
            self.store.note(Entry(node.fingerprint, node.recipe, about=self.leaves.about(node.fingerprint)))


class _Work(NamedTuple):
    """What a stage made, and what that took, earlier processes that made part of it included."""

    artifact: Artifact
    open_seconds: float
    call_seconds: float
    paid: Paid
