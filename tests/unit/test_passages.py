"""Passages in a suite: what is refused while planning, spans in one's own files, and a run from files to numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.datasets.files import JsonlFiles
from harness.errors import DataError, SuiteError
from harness.job import run
from harness.laying import lay_plan
from harness.plan import Plan
from harness.registry import STAGES
from harness.stage import Runtime

Write = Callable[..., Path]
FUSED = "  c: [{fuse: rrf, of: [a, b]}, {collapse: max}]"
CHUNK = "{chunk: recursive, size: 30}"


def planned(suite: Path) -> Plan:
    return lay_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)[0]


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (
            "  a: [{index: bm25}, {collapse: max}]",
            "'collapse: max' takes a Run of Passages, not a Run of the documents",
        ),
        ("  a: [{collapse: max}]", "'collapse: max' stands too early: no search comes before it"),
        (f"  a: [{CHUNK}, {{index: bm25}}]", "'a' ends with a Run of Passages, and a system answers with documents"),
        (f"  a: [{CHUNK}, {CHUNK}]", "'chunk: recursive' takes Corpus, not the Passages of 'chunk: recursive'"),
        (f"  a: [{{encode: hashing}}, {CHUNK}]", "'chunk: recursive' takes Corpus, not Vectors"),
        (f"  a: [{CHUNK}, {{index: flat}}]", "'index: flat' takes Vectors or Int8Vectors or BitVectors, not Passages"),
        (
            f"  a: [{CHUNK}, {{index: bm25}}]\n  b: [{{index: bm25}}]\n  c: [{{fuse: rrf, of: [a, b]}}]",
            "'a' ends with a Run of Passages",
        ),
        (
            f"{FUSED}\n  a: [{CHUNK}, {{index: bm25}}]\n  b: [{{index: bm25}}]",
            "joins runs of the same texts, but 'a' finds the Passages of 'chunk recursive [size=30]' and 'b' the docu",
        ),
    ],
)
def test_wrong_wiring_is_refused_while_planning(write_suite: Write, systems: str, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        planned(write_suite(systems))
    assert message in str(caught.value)


def test_chunked_and_unchunked_systems_fuse_after_the_collapse(write_suite: Write) -> None:
    plan = planned(
        write_suite(
            f"  a: [{CHUNK}, {{index: bm25}}, {{collapse: max}}]\n  b: [{{index: bm25}}]\n"
            "  c: [{fuse: rrf, of: [a, b]}]\n"
        )
    )
    assert [target.line.found for target in plan.targets] == [None] * 3


def test_a_measure_of_spans_wants_spans(write_suite: Write) -> None:
    with pytest.raises(SuiteError, match="span_iou@5 needs spans that answer the queries, and the data set 'toy' has"):
        planned(write_suite("  a: [{index: bm25}]", measures="[span_iou@5]"))


def write_spans(folder: Path) -> Path:
    """Write two documents, a question for each, and where the answers stand; no judgements beside them."""
    rows = {
        "corpus": [
            {"id": "a", "title": "On foxes", "text": "A fox is red. It sleeps by day."},
            {"id": "b", "text": "Dogs bark. A dog sleeps by night, as people do."},
        ],
        "queries": [{"id": "1", "text": "which colour is a fox?"}, {"id": "2", "text": "when do dogs sleep?"}],
        "spans": [
            {"query": 1, "document": "a", "start": 9, "end": 22},
            {"query": "2", "document": "b", "start": 11, "end": 47},
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for part, lines in rows.items():
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_spans_are_read_and_judge_the_documents(tmp_path: Path) -> None:
    found = JsonlFiles(path=write_spans(tmp_path))
    spans = found.spans()
    assert spans is not None and spans.table.to_pylist()[0] == {"query_id": "1", "doc_id": "a", "start": 9, "end": 22}
    assert [tuple(each) for each in found.qrels()] == [("1", "a", 1), ("2", "b", 1)]
    assert found.corpus().texts[0][9:22] == "A fox is red."
    (tmp_path / "qrels.jsonl").write_text('{"query": "1", "doc": "b", "grade": 2}\n')
    assert [tuple(each) for each in found.qrels()] == [("1", "b", 2)]
    with (tmp_path / "spans.jsonl").open("a") as file:
        file.write('{"query": "2", "document": "b", "start": 7, "end": 7}\n')
    with pytest.raises(DataError, match="a span is 0 <= start < end characters, found 7 and 7") as caught:
        found.spans()
    assert caught.value.place is not None and caught.value.place.line == 3


def test_from_files_to_numbers(tmp_path: Path) -> None:
    write_spans(tmp_path / "data")
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\ndatasets: {d: {source: jsonl, path: data}}\n"
        "measures: [span_recall@1, span_precision@1, span_iou@1, R@1]\ndepth: 10\nsystems:\n"
        "  cut: [{chunk: sentences, size: 1}, {index: bm25}, {collapse: max}]\n  whole: [{index: bm25}]\n"
    )
    results = run(suite, results=tmp_path / "results", store=tmp_path / "store")
    measured = {
        (row.system, row.quantity): row.value for row in results.measurements if row.quantity in results.measures
    }
    # "On foxes A fox is red." and "A dog sleeps by night, as people do." against "A fox is red." and the same
    assert measured["cut", "span_recall@1"] == 1
    assert measured["cut", "span_precision@1"] == measured["cut", "span_iou@1"] == pytest.approx((13 / 22 + 1) / 2)
    assert measured["whole", "span_recall@1"] == 1
    assert measured["whole", "span_iou@1"] == pytest.approx((13 / 40 + 36 / 47) / 2)
    assert measured["whole", "R@1"] == measured["cut", "R@1"] == 1


def test_a_query_does_not_find_passages_of_itself() -> None:
    corpus, queries = Corpus.of([("a", "xx yy"), ("b", "zz")]), Queries.of([("a", "?"), ("c", "?")])
    passages = Passages.cut(corpus, lambda text: [(i, i + 2) for i in range(0, len(text), 3)])
    found = Run.top(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), 3)
    left = STAGES["filter/identical_ids"](depth=2).open(Runtime(), passages, queries)(found)
    assert left.documents.tolist() == [[2, NONE], [2, 1]]
