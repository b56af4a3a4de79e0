"""A maker in another process, as an executor on several processes or machines would start it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from harness.execute.make import Maker
from harness.execute.outcome import NodeOutcome
from harness.execute.progress import Silent
from harness.plan.prepare import prepare_plan
from harness.stage import Node, Runtime


@cache
def opened(suite: Path, store: Path) -> tuple[Maker, dict[str, Node]]:
    """Read the suite once in each process, and return a maker and the nodes by fingerprint."""
    plan, opened_store = prepare_plan(suite, None, None, store, "cpu", fetch=False)
    maker = Maker(plan.leaves, opened_store, Runtime(), Silent())
    return maker, {node.fingerprint: node for node in plan.nodes}


def make_one(suite: Path, store: Path, fingerprint: str) -> NodeOutcome:
    """Make the node of that name."""
    maker, nodes = opened(suite, store)
    return maker(nodes[fingerprint])
