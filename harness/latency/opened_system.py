"""A system that is opened for timing: every stage that works on a query runs again in each lap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, NamedTuple

from harness.artifacts.base import Rows
from harness.artifacts.text import Queries
from harness.errors import HarnessError
from harness.fingerprint import Fingerprint
from harness.latency.isolation import collection_paused

Call = Callable[..., Any]
"""An opened stage: takes the rows that flow in and returns those that flow out."""


class Lap(NamedTuple):
    """How long one pass through a system took, in nanoseconds."""

    ns: int
    """The whole pass."""
    spans: tuple[int, ...]
    """The time of each stage, in order; the spans add up to `ns`."""


class Pass(NamedTuple):
    """A lap and the answer that it produced."""

    lap: Lap
    answer: Rows


class OpenedStage(NamedTuple):
    """An opened stage of a system."""

    name: str
    """`role/word`, distinct within the system."""
    call: Call
    inputs: tuple[int, ...]
    """Where the inputs of the call come from: 0 is the queries, n the output of the n-th stage."""
    releases_gil: bool = False
    """Whether the stage works outside Python's global lock, or waits there for a service."""


class Untimed(HarnessError):
    """A system has no latency; the message says why."""


class LapFailed(Untimed):
    """A system stopped answering while it was timed."""

    def __init__(self, system: str, reason: str) -> None:
        super().__init__(reason)
        self.system = system


@dataclass(frozen=True, eq=False)
class OpenedSystem:
    """One opened system on one data set. The same query always gets the same answer."""

    dataset: str
    system: str
    fingerprint: Fingerprint
    """The fingerprint of the run on which the system's quality was measured."""
    queries: Queries
    stages: tuple[OpenedStage, ...]
    wait: Callable[[], object] | None
    """Blocks until the device has finished its work; None where every call does so itself."""

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages in the order in which they work."""
        return tuple(stage.name for stage in self.stages)

    def lap(self, row: int) -> Lap:
        """Answer one query, from its text to its run or to the contexts made from it, and return the time it took."""
        return self.answer(slice(row, row + 1)).lap

    def batch(self, rows: slice) -> Any:
        """Answer several queries, each stage processing all of them at once, and return the Run or the Contexts."""
        return self.answer(rows).answer

    def answer(self, rows: slice) -> Pass:
        """Answer some queries, with the query texts in memory and the garbage collector paused.

        Raises LapFailed if a stage fails.
        """
        wait, outputs, marks = self.wait, [self.queries.take(rows)], []
        with collection_paused:
            try:
                start = perf_counter_ns()
                for _, call, inputs, _ in self.stages:
                    outputs.append(call(*[outputs[place] for place in inputs]))
                    if wait is not None:
                        wait()
                    marks.append(perf_counter_ns())
            except Exception as error:  # whatever a stage raises
                reason = f"{self.stage_names[len(marks)]}: {type(error).__name__}: {error}"
                raise LapFailed(self.system, reason) from error
        spans = tuple(mark - before for mark, before in zip(marks, (start, *marks), strict=False))
        return Pass(Lap(marks[-1] - start, spans), outputs[-1])
