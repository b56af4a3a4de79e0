"""Executes a plan on this machine: makes what the store lacks, one node after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future

from harness.execute.make import Maker
from harness.execute.outcome import NodeOutcome, Outcome
from harness.execute.progress import Progress
from harness.execute.walk import make_missing
from harness.plan import Plan
from harness.stage import Node, Runtime
from harness.store import Store


def execute(plan: Plan, store: Store, runtime: Runtime, progress: Progress, extra: Iterable[Node] = ()) -> Outcome:
    """Make everything that the systems of a plan need and the store lacks, and the `extra` nodes of the plan.

    A stage that fails is a failure of the systems that depend on it and of no others; nothing is raised for it.
    """
    make = Maker(plan.leaves, store, runtime, progress)

    def submit(node: Node) -> Future[NodeOutcome]:
        future: Future[NodeOutcome] = Future()
        future.set_result(make(node))
        return future

    outputs = (node for target in plan.targets for node in target.outputs)
    return make_missing([*outputs, *extra], store, submit, progress)
