"""Systems opened for timing: a query goes through everything that depends on it, and nothing of that is looked up.

What stands on the side of the queries (`online`) is done anew in each lap; what was made of the documents is loaded
from the store, once, and opened once, whichever systems share it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.base import Rows
from harness.artifacts.text import Queries
from harness.errors import HarnessError
from harness.execute.local import reason_of
from harness.fingerprint import Fingerprint, fingerprint
from harness.plan import Plan, Target, answer_nodes
from harness.stage import ModelSource, Node, Runtime, Source
from harness.stage.node import side_of
from harness.statistics.cross_validation import choose
from harness.store import Store

Call = Callable[..., Any]


class Lap(NamedTuple):
    """What one pass through a lane took, in ns: the whole, and the share of each of its stages."""

    ns: int
    spans: tuple[int, ...]


class Pass(NamedTuple):
    """A lap, and what came out at its end."""

    lap: Lap
    answer: Rows


class OpenedStage(NamedTuple):
    """An opened stage, and which of the things made so far it takes: 0 is the queries, 1 what the first step gave."""

    stage: str
    call: Call
    takes: tuple[int, ...]
    outside: bool = False
    """Whether it works outside Python's lock, or waits there for a service."""


class Untimed(HarnessError):
    """A system that has no latency; the message says why."""


class LapFailed(Untimed):
    """A system that stopped answering while it was timed."""

    def __init__(self, system: str, reason: str) -> None:
        super().__init__(reason)
        self.system = system


@dataclass(frozen=True, eq=False)
class OpenedSystem:
    """One system on one data set, opened. The same row gives the same answer whenever it is asked."""

    dataset: str
    system: str
    run: Fingerprint
    """The name of what its quality was measured on."""
    queries: Queries
    steps: tuple[OpenedStage, ...]
    wait: Callable[[], object] | None
    """Returns when the device has finished what it was given; None where calls return no earlier."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of its stages, `role/word` in the order they work; a second one of a name bears `#2`."""
        return tuple(step.stage for step in self.steps)

    def lap(self, row: int) -> Lap:
        """Answer one query, from its text to its run, or to what a reader gets of that, and return what it took."""
        return self.answer(slice(row, row + 1)).lap

    def batch(self, rows: slice) -> Any:
        """Answer several queries, all of them in each stage at once, and return the Run, or the Contexts."""
        return self.answer(rows).answer

    def answer(self, rows: slice) -> Pass:
        """Answer some queries. The clock starts with their texts at hand; garbage is not collected while it goes.

        Raises LapFailed where a stage fails.
        """
        wait, made, marks = self.wait, [self.queries.take(rows)], []
        collecting = gc.isenabled()
        gc.disable()
        try:
            start = perf_counter_ns()
            for _, call, takes, _ in self.steps:
                made.append(call(*[made[place] for place in takes]))
                if wait is not None:
                    wait()
                marks.append(perf_counter_ns())
        except Exception as error:  # whatever a stage raises
            raise LapFailed(self.system, f"{self.stages[len(marks)]}: {type(error).__name__}: {error}") from error
        finally:
            if collecting:
                gc.enable()
        spans = tuple(mark - before for mark, before in zip(marks, (start, *marks), strict=False))
        return Pass(Lap(marks[-1] - start, spans), made[-1])


def open_systems(
    plan: Plan, targets: Iterable[Target], store: Store, runtime: Runtime, *, services: bool = False
) -> tuple[list[OpenedSystem], dict[tuple[str, str], str]]:
    """Open systems for timing, and say of each (data set, system) that cannot be timed why not.

    A run file has no latency; a system that calls a service is opened only with `services`, since it may be paid.
    """
    opener = Opener(plan, store, runtime)
    lanes, left_out = [], {}
    for target in targets:
        try:
            lanes.append(opener.lane(target, services=services))
        except HarnessError as error:
            left_out[target.dataset, target.system] = str(error)
    return lanes, left_out


class Opener:
    """Loads what stages hold and opens them, each thing once: equal stages that hold the same things share a call."""

    def __init__(self, plan: Plan, store: Store, runtime: Runtime) -> None:
        self.plan, self.store, self.runtime = plan, store, runtime
        self.wait = _synchronize() if runtime.device.startswith("cuda") else None
        self.loaded: dict[Fingerprint, Any] = {}
        self.opened: dict[Fingerprint, Call] = {}

    def lane(self, target: Target, *, services: bool = False) -> OpenedSystem:
        """Open a system. Raises Untimed where it has no latency, or a stage of it cannot be opened."""
        nodes = [node for node in online(target.answer, self.chosen) if not isinstance(node.stage, Source)]
        for node in nodes:
            if node.stage.role == "runfile":
                raise Untimed("a run file has no latency")
            if node.stage.service and not services:
                raise Untimed(f"'{node.stage.word()}' calls a service: it is timed with latency: {{services: true}}")
        places = {target.chain.queries.fingerprint: 0}
        steps: list[OpenedStage] = []
        for node in nodes:
            takes = tuple(places[self.chosen(above).fingerprint] for above in node.stream)
            outside = node.stage.releases_gil or node.stage.service
            steps.append(OpenedStage(_distinct(node, steps), self.call(node), takes, outside))
            places[node.fingerprint] = len(steps)
        queries = self.load(target.chain.queries)
        return OpenedSystem(target.dataset, target.system, target.run.fingerprint, queries, tuple(steps), self.wait)

    def call(self, node: Node) -> Call:
        """Open the stage of a node. Raises Untimed, with the reason, where that fails."""
        names = [above and above.fingerprint for above in node.static]
        name = fingerprint({"stage": node.stage.recipe, "static": names})
        if name not in self.opened:
            try:
                held = [above and self.load(above) for above in node.static]
                self.opened[name] = node.stage.open(self.runtime, *held)  # type: ignore[attr-defined]
            except Exception as error:  # whatever a stage raises leaves out this system, and no other
                raise Untimed(reason_of(node, error)) from error
        return self.opened[name]

    def load(self, node: Node) -> Any:
        """Load what a node gave: a model from where it lies, everything else from the store."""
        if node.fingerprint not in self.loaded:
            there = isinstance(node.stage, ModelSource)
            found = (
                self.plan.leaves.loader(node.fingerprint)() if there else self.store.load(node.fingerprint, node.gives)
            )
            self.loaded[node.fingerprint] = found
        return self.loaded[node.fingerprint]

    def chosen(self, node: Node) -> Node:
        """Return a node, or in the place of a choice the candidate that is best over all queries it is chosen by."""
        if node.stage.role != "tune":
            return node
        scores = np.stack([self.load(above).values for above in node.static if above], axis=1)
        return node.stream[int(choose(scores).chosen[0])]


def online(last: Node, chosen: Callable[[Node], Node] = lambda node: node) -> Iterator[Node]:
    """Give what is done for a query on its way to an end, inputs before their users, the queries first.

    That is every node whose stream comes from the queries, those too that another one holds instead of taking, as a
    second stage holds the vectors of the queries. `chosen` may put another node in the place of one.
    """
    seen: set[Fingerprint] = set()

    def visit(node: Node) -> Iterator[Node]:
        node = chosen(node)
        if node.fingerprint not in seen and side_of(node) == "query":
            seen.add(node.fingerprint)
            for above in node.inputs:
                yield from visit(above)
            yield node

    return visit(last)


def held(target: Target) -> Iterator[Node]:
    """Give what the store must have before a system can be opened: what the stages on the side of the queries hold."""
    for node in answer_nodes(target.answer):
        if side_of(node) == "query":
            yield from (above for above in node.static if above and not isinstance(above.stage, ModelSource))


def _distinct(node: Node, steps: list[OpenedStage]) -> str:
    """Name a stage so that no other of its lane bears the name."""
    name = node.name
    before = sum(step.stage.split("#")[0] == name for step in steps)
    return f"{name}#{before + 1}" if before else name


def _synchronize() -> Callable[[], object]:
    import torch

    found: Callable[[], object] = torch.cuda.synchronize
    return found


def documents_side(target: Target) -> list[Node]:
    """Return the stages of a system that work on documents, inputs before their users."""
    return [node for node in answer_nodes(target.run) if node.stream and side_of(node) == "document"]


def named(target: Target) -> dict[str, Node]:
    """Return these stages by name, `role/word`; a second one of a name bears `#2`."""
    found: dict[str, Node] = {}
    for node in documents_side(target):
        name, number = node.name, 2
        while name in found:
            name, number = f"{node.name}#{number}", number + 1
        found[name] = node
    return found
