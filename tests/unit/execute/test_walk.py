"""The walk over a plan works with any maker: in this process, in other processes, in threads."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.execute.local import execute
from harness.execute.make import Maker
from harness.execute.outcome import NodeOutcome, Outcome
from harness.execute.progress import Silent
from harness.execute.walk import make_missing
from harness.plan import Plan, walk
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import CorpusSource, ModelSource, Node, Runtime
from harness.store import Store
from tests.conftest import SYSTEMS
from tests.unit.execute.makers import make_one

Write = Callable[..., Path]
BROKEN = '''
from collections.abc import Callable
from harness.artifacts.vectors import Vectors
from harness.registry import STAGES
from harness.stage import Reducer, Runtime

@STAGES.register("reduce/broken")
class Broken(Reducer):
    """Fails."""
    def open(self, runtime: Runtime) -> Callable[[Vectors], Vectors]:
        raise ArithmeticError("no luck")
'''
BROKEN_SYSTEMS = """
  bm25: [{index: bm25}]
  broken: [{encode: hashing, dim: 64}, {reduce: broken}, {index: flat, similarity: cosine}]
  both: [{fuse: rrf, of: [bm25, broken]}]
"""


class Reports(Silent):
    """Keeps what became of the nodes, in the order in which it was reported."""

    def __init__(self) -> None:
        self.ended_nodes: list[tuple[str, str]] = []

    def ended(self, node: Node, how: str, seconds: float) -> None:
        self.ended_nodes.append((node.fingerprint, how))


def planned(suite: Path, store: Path) -> tuple[Plan, Store]:
    return prepare_plan(suite, None, None, store, "cpu", fetch=False)


def outputs(plan: Plan) -> list[Node]:
    return [node for target in plan.targets for node in target.outputs]


def in_processes(suite: Path, store: Path) -> tuple[Plan, Outcome, Reports]:
    """Make everything in two other processes, which share nothing with this one but the suite and the store."""
    plan, opened = planned(suite, store)
    reports = Reports()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        outcome = make_missing(
            outputs(plan), opened, lambda node: pool.submit(make_one, suite, store, node.fingerprint), reports
        )
    return plan, outcome, reports


def content(store: Path) -> dict[str, bytes]:
    """Return every file of every artifact, except what making it cost."""
    files = (path for path in (store / "artifacts").rglob("*") if path.is_file() and path.name != "costs.jsonl")
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


@pytest.fixture
def local(tmp_path: Path, write_suite: Write) -> tuple[Path, dict[str, bytes], Outcome]:
    """Return a suite, and what one process makes of it."""
    suite = write_suite()
    plan, store = planned(suite, tmp_path / "local")
    outcome = execute(plan, store, Runtime(), Silent())
    assert not outcome.failed
    return suite, content(store.root), outcome


def test_other_processes_make_the_same_store(tmp_path: Path, local: tuple[Path, dict[str, bytes], Outcome]) -> None:
    suite, expected, outcome = local
    _, distributed, _ = in_processes(suite, tmp_path / "processes")
    assert content(tmp_path / "processes") == expected
    assert sorted(distributed.made) == sorted(outcome.made)
    assert not distributed.failed


def test_threads_make_the_same_store(tmp_path: Path, local: tuple[Path, dict[str, bytes], Outcome]) -> None:
    suite, expected, outcome = local
    plan, store = planned(suite, tmp_path / "threads")

    def make(node: Node) -> NodeOutcome:
        return Maker(plan.leaves, store, Runtime(), Silent())(node)

    with ThreadPoolExecutor(4) as pool:
        threaded = make_missing(outputs(plan), store, lambda node: pool.submit(make, node), Silent())
    assert content(store.root) == expected
    assert sorted(threaded.made) == sorted(outcome.made)


def test_a_failing_node_takes_down_what_depends_on_it_and_nothing_else(tmp_path: Path, write_suite: Write) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    suite = write_suite(BROKEN_SYSTEMS, head="plugins: [mine.py]")
    plan, outcome, reports = in_processes(suite, tmp_path / "processes")
    broken = [node for node in plan.nodes if node.stage.word() == "reduce: broken"]
    dependent = {
        node.fingerprint for node in plan.nodes if {b.fingerprint for b in broken} & {n.fingerprint for n in walk(node)}
    }
    assert broken and set(outcome.failed) == dependent
    assert set(outcome.failed.values()) == {"reduce: broken: ArithmeticError: no luck"}
    assert len(outcome.tracebacks) == len(broken)
    assert all("ArithmeticError: no luck" in text for text in outcome.tracebacks)
    others = {node.fingerprint for node in plan.nodes if not isinstance(node.stage, ModelSource)} - dependent
    assert {*outcome.made, *outcome.reused} == others
    assert {name for name, how in reports.ended_nodes if how == "failed"} == {node.fingerprint for node in broken}
    local = Store(tmp_path / "local")
    assert execute(planned(suite, local.root)[0], local, Runtime(), Silent()).failed == outcome.failed
    assert content(local.root) == content(tmp_path / "processes")


def test_a_node_is_submitted_once_and_after_its_inputs(tmp_path: Path, write_suite: Write) -> None:
    plan, store = planned(write_suite(), tmp_path / "store")
    make = Maker(plan.leaves, store, Runtime(), Silent())
    submitted: list[str] = []
    lock = threading.Lock()

    def submit(node: Node) -> Future[NodeOutcome]:
        assert all(above.fingerprint in store for above in node.inputs)
        submitted.append(node.fingerprint)
        return pool.submit(one_at_a_time, node)

    def one_at_a_time(node: Node) -> NodeOutcome:
        with lock:
            return make(node)

    with ThreadPoolExecutor(3) as pool:
        outcome = make_missing(outputs(plan), store, submit, Silent())
    assert len(submitted) == len(set(submitted)) == len(outcome.made)


def test_independent_nodes_are_submitted_together(tmp_path: Path, write_suite: Write) -> None:
    """Both indexes are under way before either is finished: a second worker would have something to do."""
    plan, store = planned(write_suite("  bm25: [{index: bm25}]\n  tfidf: [{index: tfidf}]"), tmp_path / "store")
    make = Maker(plan.leaves, store, Runtime(), Silent())
    indexes = threading.Barrier(2, timeout=60)

    def work(node: Node) -> NodeOutcome:
        if node.stage.role == "index":
            indexes.wait()
        return make(node)

    with ThreadPoolExecutor(2) as pool:
        outcome = make_missing(outputs(plan), store, lambda node: pool.submit(work, node), Silent())
    assert not outcome.failed


def test_a_maker_that_dies_fails_its_node(tmp_path: Path, write_suite: Write) -> None:
    plan, store = planned(write_suite("  bm25: [{index: bm25}]\n  tfidf: [{index: tfidf}]"), tmp_path / "store")
    make = Maker(plan.leaves, store, Runtime(), Silent())

    def submit(node: Node) -> Future[NodeOutcome]:
        future: Future[NodeOutcome] = Future()
        if node.stage.word() == "index: tfidf":
            future.set_exception(MemoryError("the worker is gone"))
        else:
            future.set_result(make(node))
        return future

    outcome = make_missing(outputs(plan), store, submit, Silent())
    runs = {target.system: target.run.fingerprint for target in plan.targets}
    assert outcome.failed[runs["tfidf"]] == "index: tfidf: MemoryError: the worker is gone"
    assert runs["bm25"] in outcome.made


def test_what_is_in_the_store_is_reused_and_its_inputs_are_not_needed(tmp_path: Path, write_suite: Write) -> None:
    plan, store = planned(write_suite(SYSTEMS), tmp_path / "store")
    execute(plan, store, Runtime(), Silent())
    for node in plan.nodes:
        if node.stage.role == "encode":
            store.remove(node.fingerprint)
    reports = Reports()
    outcome = execute(plan, store, Runtime(), reports)
    assert outcome.made == [] and outcome.failed == {}
    assert {name for name, _ in reports.ended_nodes} == {node.fingerprint for node in outputs(plan)}


def test_a_chain_may_be_longer_than_python_recurses(tmp_path: Path) -> None:
    node = Node(CorpusSource(content="x"))
    for dim in range(1, 3001):
        node = Node(STAGES["reduce/truncate"](dim=dim), (node,))
        assert node.fingerprint

    def submit(_: Node) -> Future[NodeOutcome]:
        future: Future[NodeOutcome] = Future()
        future.set_result(NodeOutcome("failed", reason="no luck"))
        return future

    outcome = make_missing([node], Store(tmp_path), submit, Silent())
    assert len(outcome.failed) == 3001 and set(outcome.failed.values()) == {"no luck"}
