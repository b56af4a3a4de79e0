"""Make what the store lacks, on this machine: one loop over what the systems owe."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from harness import machine
from harness.artifacts.base import Artifact, Rows
from harness.artifacts.model import Model
from harness.errors import HarnessError
from harness.execute.chunks import Chunks
from harness.execute.threads import ThreadPools, thread_pools
from harness.fingerprint import Fingerprint, fingerprint
from harness.meter import Cost, peak_rss_bytes, timed
from harness.plan import Plan
from harness.stage import ModelSource, Node, Runtime, Source
from harness.store import Entry, Store


class Progress(Protocol):
    """What an execution tells while it goes on. `rows` is None where a stage is one piece."""

    def started(self, node: Node, rows: int | None) -> None:
        """Work on a node begins."""

    def advanced(self, node: Node, rows: int) -> None:
        """So many of its rows are finished."""

    def waiting(self, node: Node) -> None:
        """Another process is at it."""

    def ended(self, node: Node, how: str, seconds: float) -> None:
        """A node is `made`, `reused` or `failed`."""

    def noted(self, text: str) -> None:
        """Work of another kind goes on."""


class StageFailed(HarnessError):
    """A node could not be made, or one that it needs; the message says which stage and why."""


@dataclass
class Outcome:
    """What became of the nodes. `failed` holds reasons, `tracebacks` the details for whoever mends a stage."""

    made: list[Fingerprint] = field(default_factory=list)
    reused: list[Fingerprint] = field(default_factory=list)
    failed: dict[Fingerprint, str] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)


def execute(plan: Plan, store: Store, runtime: Runtime, progress: Progress, besides: Iterable[Node] = ()) -> Outcome:
    """Make everything the plan's systems owe that the store lacks, and `besides` what someone else needs of it.

    A stage that fails is a failure of the systems behind it and of no other; nothing is raised for it.
    """
    with thread_pools(runtime.threads) as pools:
        loop = _Loop(plan, store, runtime, progress, pools)
        for node in (*(node for target in plan.targets for node in target.outputs), *besides):
            try:
                loop.ensure(node)
            except StageFailed as error:
                loop.outcome.failed.setdefault(node.fingerprint, str(error))
    return loop.outcome


def reason_of(node: Node, error: Exception) -> str:
    """Say in one line which stage failed and why."""
    reason = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    said = " ".join(reason.split())
    return said if said.startswith(node.stage.word()) else f"{node.stage.word()}: {said}"


class _Loop:
    def __init__(self, plan: Plan, store: Store, runtime: Runtime, progress: Progress, pools: ThreadPools) -> None:
        self.plan, self.store, self.runtime, self.progress, self.pools = plan, store, runtime, progress, pools
        self.outcome = Outcome()
        self.settled: set[Fingerprint] = set()
        self.held: dict[Fingerprint, Artifact] = {}
        self.scorers: dict[Fingerprint, Callable[..., Any]] = {}
        self.noted: set[Fingerprint] = set()

    def ensure(self, node: Node) -> None:
        """Have a node in the store; StageFailed if that cannot be."""
        name = node.fingerprint
        if name in self.settled:
            return
        if name in self.outcome.failed:
            raise StageFailed(self.outcome.failed[name])
        if not isinstance(node.stage, ModelSource) and not self.reuse(node):
            for above in node.inputs:
                self.ensure(above)
            self.make_alone(node)
        self.settled.add(name)

    def reuse(self, node: Node) -> bool:
        """Take a node from the store if it is there, whole."""
        if not self.store.usable(node.fingerprint):
            return False
        self.outcome.reused.append(node.fingerprint)
        self.progress.ended(node, "reused", 0.0)
        return True

    def make_alone(self, node: Node) -> None:
        """Make a node, or wait for the process that is making it."""
        with self.store.lock(node.fingerprint, lambda: self.progress.waiting(node)):
            if self.reuse(node):
                return
            start = time.perf_counter()
            try:
                self.make(node)
            except Exception as error:  # whatever a stage raises is its own failure, not the run's
                self.outcome.failed[node.fingerprint] = reason_of(node, error)
                self.outcome.tracebacks.append(traceback.format_exc())
                self.progress.ended(node, "failed", time.perf_counter() - start)
                raise StageFailed(self.outcome.failed[node.fingerprint]) from error
            self.outcome.made.append(node.fingerprint)
            self.progress.ended(node, "made", time.perf_counter() - start)

    def make(self, node: Node) -> None:
        """Open the stage, run it and keep what it gives."""
        if isinstance(node.stage, Source):
            self.progress.started(node, None)
            artifact = self.plan.leaves.loader(node.fingerprint)()
            self.store.save(
                artifact, Entry(node.fingerprint, node.recipe, about=self.plan.leaves.about(node.fingerprint))
            )
            return
        stream = [self.load(above) for above in node.stream]
        static = [above and self.load(above) for above in node.static]
        cpu, bill, halved = time.process_time(), self.runtime.bill.total, self.runtime.bill.halved
        rows = len(stream[0]) if isinstance(stream[0], Rows) else 1
        chunks = Chunks(self.store, node, rows) if node.stage.rowwise else None
        if chunks is not None:
            opened = self.make_rows(node, chunks, stream, static)
            artifact, called, paid = chunks.join(), chunks.seconds, chunks.paid
        else:
            self.progress.started(node, None)
            call, opened = timed(lambda: self.open(node, static))
            artifact, called = timed(lambda: call(*stream))
            paid = self.runtime.bill.total.minus(bill)
            if not isinstance(artifact, node.gives):
                raise TypeError(f"gave {type(artifact).__name__}, not {node.gives.__name__}")
        cost = Cost(
            machine=machine.describe().id,
            device=self.runtime.device,
            threads=self.runtime.threads,
            items=rows,
            open_seconds=opened,
            call_seconds=called,
            cpu_seconds=time.process_time() - cpu,
            api_tokens=paid.tokens,
            api_usd=paid.usd,
            halved=self.runtime.bill.halved - halved,
            api_answers=paid.answers,
            api_malformed=paid.malformed,
            peak_rss_bytes=peak_rss_bytes(),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.store.save(artifact, Entry(node.fingerprint, node.recipe, cost))
        if chunks is not None:
            chunks.drop()

    def make_rows(self, node: Node, chunks: Chunks, stream: list[Any], static: list[Any]) -> float:
        """Make the chunks that are missing; return the seconds that opening the stage took."""
        self.progress.started(node, len(stream[0]))
        self.progress.advanced(node, chunks.finished_rows)
        if not chunks.missing:
            return 0.0
        bill = self.runtime.bill
        before = bill.total
        call, opened = timed(lambda: self.open(node, static))
        for rows in chunks.missing:
            part, seconds = timed(partial(call, *(item.take(rows) for item in stream)))
            chunks.keep(rows, part, seconds, bill.total.minus(before))
            before = bill.total
            self.progress.advanced(node, rows.stop - rows.start)
        return opened

    def open(self, node: Node, static: list[Any]) -> Callable[..., Any]:
        """Open a stage; each role declares its own arguments, in the order of `static`.

        Scorers that hold the same things are opened once: what they resolve serves every system of a data set.
        """
        name = fingerprint({"stage": node.stage.recipe, "static": node.recipe["static"]})
        if name in self.scorers:
            return self.scorers[name]
        call: Callable[..., Any] = node.stage.open(self.runtime, *static)  # type: ignore[attr-defined]
        self.pools.update()
        if node.stage.role == "score":
            self.scorers[name] = call
        return call

    def load(self, node: Node) -> Artifact:
        """Load an input: a model from where it lies, everything else from the store."""
        if isinstance(node.stage, ModelSource):
            model = self.plan.leaves.loader(node.fingerprint)()
            assert isinstance(model, Model)  # noqa: S101  what a ModelSource leaf holds
            self.note_model(node)
            return model
        if not isinstance(node.stage, Source):
            return self.store.load(node.fingerprint, node.gives)
        if node.fingerprint not in self.held:
            self.held[node.fingerprint] = self.store.load(node.fingerprint, node.gives)
        return self.held[node.fingerprint]

    def note_model(self, node: Node) -> None:
        """Enter a model in the ledger, once: it is never in the store, but what was made with it wants explaining."""
        if node.fingerprint not in self.noted:
            self.noted.add(node.fingerprint)
            self.store.note(Entry(node.fingerprint, node.recipe, about=self.plan.leaves.about(node.fingerprint)))
