"""Plans of systems that are built from each other: each chain is built once, however the systems depend."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from harness.errors import SuiteError
from harness.plan import Plan, make_plan, walk
from harness.plan.leaves import find_leaves
from harness.stage import Node
from harness.store import Store
from harness.suite import load_suite

Write = Callable[..., Path]


def planned(path: Path, only: Collection[str] | None = None) -> Plan:
    suite = load_suite(path)
    leaves = find_leaves(suite.datasets, suite.models, suite.base, Store(path.parent / "store"), fetch=False)
    return make_plan(suite, leaves, only)


def test_a_long_chain_of_two_way_fusions_is_planned_at_once(write_suite: Write) -> None:
    """A plan that follows `of` anew for each system would need 2^200 visits, and one that recurses a deep stack."""
    fusions = (f"  s{i}: [{{fuse: rrf, of: [s{i - 1}, s{max(i - 2, 0)}], k: {i}}}]" for i in range(1, 201))
    path = write_suite("\n".join(["  s0: [{index: bm25}]", *fusions]), measures="[RR@10]")
    planned(path, ["s0"])  # reads the data set
    start = time.perf_counter()
    plan = planned(path, ["s200"])
    assert time.perf_counter() - start < 5
    assert [target.system for target in plan.targets] == ["s200"]
    assert sum(node.stage.role == "fuse" for node in plan.nodes) == 200


def test_systems_share_the_nodes_of_those_they_are_built_from(write_suite: Write) -> None:
    plan = planned(write_suite("  a: [{index: bm25}]\n  b: [{from: a}]\n  c: [{fuse: rrf, of: [a, b]}]"))
    a, b, c = (target.run for target in plan.targets)
    assert a is b and c.stream == (a, a)
    assert [target.system for target in planned(write_suite(), ["hybrid", "bm25"]).targets] == ["bm25", "hybrid"]


def test_a_step_that_changes_nothing_starts_a_chain_too(write_suite: Write) -> None:
    with pytest.raises(SuiteError, match="'from: a' must be the first step of a system"):
        planned(write_suite("  a: [{index: bm25}]\n  b: [{from: a}, {from: a}]"))


def test_walk_yields_inputs_before_their_users_and_each_node_once(write_suite: Write) -> None:
    plan = planned(write_suite())
    hybrid = next(target for target in plan.targets if target.system == "hybrid")
    nodes = list(walk(*hybrid.outputs))
    places = {node.fingerprint: place for place, node in enumerate(nodes)}
    assert len(places) == len(nodes)
    assert all(places[above.fingerprint] < places[node.fingerprint] for node in nodes for above in node.inputs)
    copy = Node(hybrid.run.stage, hybrid.run.stream, hybrid.run.static)
    assert list(walk(hybrid.run, copy)) == list(walk(hybrid.run)), "equal nodes are one node"
