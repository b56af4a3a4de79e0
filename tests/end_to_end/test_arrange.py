"""Arranging in a suite: what is refused while planning, and a run from files to what a reader gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.api import run
from harness.artifacts.contexts import Budget, Context, Contexts
from harness.errors import SuiteError
from harness.report.formats import terminal
from harness.results import Results, query
from harness.store import Store
from harness.suite.schema import suite_schema
from harness.verify import verify
from tests.end_to_end.test_passages import planned, write_spans

Write = Callable[..., Path]
CHUNK = "{chunk: recursive, size: 30}"


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        ("  a: [{arrange: top}]", "'arrange: top' takes a Run, but no search comes before it"),
        (
            "  a: [{encode: hashing}, {arrange: sides}, {index: flat}]",
            "'arrange: sides' takes a Run, but no search comes before it",
        ),
        (
            "  a: [{index: bm25}, {arrange: parents}]",
            "'arrange: parents' takes a Run of Passages, not a Run of the documents of a Corpus: no chunk comes before",
        ),
        (
            f"  a: [{CHUNK}, {{index: bm25}}, {{collapse: max}}, {{arrange: parents}}]",
            "a Run of Passages, not a Run of the documents of a Corpus: put it before the collapse",
        ),
        (
            "  a: [{index: bm25}, {arrange: top}, {index: tfidf}]",
            "'index: tfidf' cannot take the Contexts of 'arrange: top': only a collapse, which takes the run",
        ),
        ("  a: [{index: bm25}, {arrange: top}, {arrange: sides}]", "'arrange: sides' cannot take the Contexts of"),
        (f"  a: [{CHUNK}, {{index: bm25}}, {{arrange: top}}]", "'a' ends with a Run of Passages"),
        ("  a: [{index: bm25}, {arrange: top, tokens: 0}]", "'arrange: top', tokens: Input should be greater than"),
        ("  a: [{index: bm25}, {arrange: top, model: none}]", "the suite has no model 'none'"),
        ("  a: [{index: bm25}, {arrange: top, window: 1}]", "'arrange: top' has no setting 'window'"),
        ("  a: [{index: bm25}, {arrange: midst}]", "unknown stage 'arrange: midst'"),
    ],
)
def test_wrong_wiring_is_refused_while_planning(write_suite: Write, systems: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        planned(write_suite(systems))
    assert message in str(caught.value)


def test_others_go_on_from_the_run_and_not_from_its_contexts(write_suite: Write) -> None:
    systems = (
        "  a: [{index: bm25}, {arrange: top}]\n  b: [{from: a}]\n  c: [{fuse: rrf, of: [a, b]}]\n"
        "  d: [{from: a}, {arrange: sides}]\n"
        "  e: [{fuse: rrf, of: [a, b], tune: {k: [1, 60], folds: 2, measure: nDCG@10}}]"
    )
    plan = planned(write_suite(systems))
    made = [target.chain.contexts for target in plan.targets]
    assert [node and node.stage.word() for node in made] == ["arrange: top", None, None, "arrange: sides", None]
    assert made[0] and made[3] and made[0].stream == made[3].stream == (plan.targets[0].run,)
    assert plan.targets[0].scores == plan.targets[1].scores
    another = planned(write_suite(systems.replace("{arrange: top}", "{arrange: top, tokens: 9}")))
    assert another.fingerprint != plan.fingerprint, "another result"


def test_a_model_may_be_named_and_need_not() -> None:
    stages = suite_schema()["$defs"]["stage"]["anyOf"]
    top = next(one for one in stages if one["properties"].get("arrange", {}).get("const") == "top")
    assert "model" in top["properties"] and top["required"] == ["arrange"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrange")
    write_spans(folder / "data")
    (folder / "s.yaml").write_text(
        "name: s\ndatasets: {d: {source: jsonl, path: data}}\nmeasures: [R@1]\ndepth: 10\nsystems:\n"
        "  small: [{chunk: sentences, size: 1}, {index: bm25}, {arrange: top, tokens: 6}, {collapse: max}]\n"
        "  large: [{chunk: sentences, size: 1}, {index: bm25}, {arrange: parents}, {collapse: max}]\n"
        "  plain: [{index: bm25}]\n"
    )
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return run(folder / "s.yaml", results=folder / "results", store=folder / "store")


def test_what_a_reader_gets_is_measured(results: Results) -> None:
    def value(system: str, quantity: str) -> float | None:
        return results.value("d", system, quantity)

    # a is "On foxes A fox is red. It sleeps by day.", b "Dogs bark. A dog sleeps by night, as people do."
    assert value("small", "context_budget") == 6 and value("large", "context_budget") == 2000
    assert value("small", "context_tokens") == 6
    assert value("large", "context_documents") == 1.5, "foxes stand in one document, sleepers in both"
    assert value("large", "context_span_recall") == 1
    assert value("plain", "context_tokens") is None
    rows = {row.quantity: row for row in results.measurements if row.system == "large"}
    assert rows["context_tokens"].unit == "tokens/query" and rows["context_tokens"].n == 2
    assert rows["context_span_iou"].low is not None
    assert "context_span_iou" in results.per_query()["quantity"].to_pylist()
    assert verify(results.folder).differs == []


def test_results_hold_where_texts_stand_and_not_the_texts(results: Results) -> None:
    table = results.contexts()
    assert "text" not in table.column_names
    first = table.filter([s == "large" for s in table["system"].to_pylist()]).to_pylist()[0]
    assert first["query_id"] == "1" and first["position"] == first["rank"] == 1
    assert (first["doc_id"], first["start"], first["end"]) == ("a", 0, 40)
    assert query(results, "select count(*) as n from contexts where system = 'plain'")["n"].to_pylist() == [0]


def test_a_person_can_read_the_texts_in_the_store(results: Results, folder: Path) -> None:
    row = next(r for r in results.measurements if r.system == "large" and r.quantity == "context_tokens")
    assert row.fingerprint
    file = Store(folder / "store").load(row.fingerprint, Contexts)
    assert file.texts[0][0].text == "On foxes A fox is red. It sleeps by day."
    places = list((folder / "store").rglob(f"*{row.fingerprint}*/contexts.jsonl"))
    lines = [json.loads(line) for line in places[0].read_text("utf-8").splitlines()]
    assert lines[0]["query_id"] == "1" and lines[0]["contexts"][0]["position"] == 1


def test_pieces_join_to_the_whole(tmp_path: Path) -> None:
    texts = [[Context("d", 0, 2, 1, 0.1, 1, "\u2028é")] * n for n in (1, 0, 2)]
    whole = Contexts(["q", "r", "s"], texts, Budget(9, "hand"))
    parts = [whole.take(slice(0, 1)), whole.take(slice(1, 3))]
    for name in ("whole", "joined", "written"):
        (tmp_path / name).mkdir()
    whole.save(tmp_path / "whole")
    Contexts.join(parts).save(tmp_path / "joined")
    Contexts.save_joined(iter(parts), 3, tmp_path / "written")
    for file in ("contexts.jsonl", "budget.json"):
        assert len({(tmp_path / name / file).read_bytes() for name in ("whole", "joined", "written")}) == 1
    assert Contexts.load(tmp_path / "written").texts == texts
    with pytest.raises(ValueError, match="do not follow"):
        Contexts.join(parts[::-1])


def test_the_report_says_it(results: Results) -> None:
    assert "small: the reader gets 6 of 6 tokens" in terminal.text(results, 200)


def test_what_cannot_be_made_fails_by_itself(write_suite: Write, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    systems = "  a: [{index: bm25}, {arrange: top, model: none}]"
    suite = write_suite(systems, "models: {none: {path: ./bare, precision: fp32}}")
    results = run(suite, results=tmp_path / "results", store=tmp_path / "store")
    failed = [row for row in results.measurements if row.failed]
    assert [row.quantity for row in failed] == ["context_tokens"] and "has no tokenizer.json" in str(failed[0].reason)
    assert results.value("toy", "a", "nDCG@10") is not None
