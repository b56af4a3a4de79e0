"""Passages in a suite: what is refused while planning, spans in one's own files, and a run from files to numbers."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.api import run
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.datasets.files import JsonlFiles
from harness.errors import DataError, SuiteError, UserError
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements
from harness.measures.scoring.parse import parse
from harness.plan import Plan
from harness.plan.dry_run import forecast
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.results import Results
from harness.results.manifest import write_manifest
from harness.stage import Runtime
from harness.verify import verify

Write = Callable[..., Path]
FUSED = "  c: [{fuse: rrf, of: [a, b]}, {collapse: max}]"
CHUNK = "{chunk: recursive, size: 30}"


def planned(suite: Path) -> Plan:
    return prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)[0]


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (
            "  a: [{index: bm25}, {collapse: max}]",
            "'collapse: max' takes a Run of Passages, not a Run of the documents",
        ),
        (
            f"  a: [{CHUNK}, {{index: bm25}}, {{collapse: max}}, {{collapse: max}}]",
            "not a Run of the documents of a Corpus: it is collapsed already",
        ),
        ("  a: [{collapse: max}]", "'collapse: max' takes a Run, but no search comes before it"),
        (f"  a: [{CHUNK}, {{index: bm25}}]", "'a' ends with a Run of Passages, but must end with a Run of documents"),
        (f"  a: [{CHUNK}, {CHUNK}]", "'chunk: recursive' takes Corpus, not the Passages of 'chunk: recursive'"),
        (f"  a: [{{encode: hashing}}, {CHUNK}]", "'chunk: recursive' takes Corpus, not Vectors"),
        (f"  a: [{CHUNK}, {{index: flat}}]", "'index: flat' takes Vectors or Int8Vectors or BitVectors, not Passages"),
        (
            f"  a: [{CHUNK}, {{index: bm25}}]\n  b: [{{index: bm25}}]\n  c: [{{fuse: rrf, of: [a, b]}}]",
            "'a' ends with a Run of Passages",
        ),
        (
            f"{FUSED}\n  a: [{CHUNK}, {{index: bm25}}]\n  b: [{{index: bm25}}]",
            "'a' ranks the Passages of 'chunk recursive [size=30]' and 'b' ranks the documents of the Corpus",
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
    assert [target.chain.run_passages for target in plan.targets] == [None] * 3


def test_a_measure_of_spans_wants_spans(write_suite: Write) -> None:
    with pytest.raises(SuiteError, match="span_iou@5 needs gold spans, but the data set 'toy' has none"):
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
    with pytest.raises(DataError, match="a span needs 0 <= start < end, found 7 and 7") as caught:
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


MEASURES = "[span_recall@1, span_iou(repeats=True)@2, passage_nDCG@10, passage_R(rel=2)@1, passage_Success@2, R@1]"


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    write_spans(tmp_path / "data")
    suite = tmp_path / "s.yaml"
    suite.write_text(
        f"name: s\ndatasets: {{d: {{source: jsonl, path: data}}}}\nmeasures: {MEASURES}\ndepth: 10\nsystems:\n"
        "  cut: [{chunk: recursive, size: 9}, {index: bm25}, {collapse: max}]\n  whole: [{index: bm25}]\n"
    )
    return run(suite, results=tmp_path / "results", store=tmp_path / "store").folder


def test_measures_of_passages_are_scored_again(measured: Path) -> None:
    verdict = verify(measured)
    assert (verdict.differs, verdict.unchecked) == ([], []) and "6 measures of 2 runs scored again" in verdict.text()
    results = Results.load(measured)
    assert 0 < (results.value("d", "cut", "passage_nDCG@10") or 0) < 1
    assert results.run["definitions"]["passage_R(rel=2)@1"]["relevant_from"] == 2
    assert results.spans().to_pylist()[0] == {"dataset": "d", "query_id": "1", "doc_id": "a", "start": 9, "end": 22}
    assert results.passages().to_pylist()[-1]["passage_id"] == "b" and "fox" not in str(results.passages().to_pylist())
    with gzip.open(measured / "passages" / "d" / "cut.trec.gz", "rt") as file:
        assert re.match("1 Q0 a#0000[0-9] 1 ", file.readline())


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("spans.parquet", lambda rows: [row | {"end": row["end"] - 4} for row in rows], "span_iou(repeats=True)@2 of"),
        ("passages.parquet", lambda rows: [row | {"start": 0} for row in rows], "span_iou(repeats=True)@2 of cut on d"),
        (
            "passages.parquet",
            lambda rows: rows[1:],
            "passages.parquet: has no position for 'a#00000', a passage in the run",
        ),
    ],
)
def test_what_stands_behind_them_cannot_be_changed_unseen(
    measured: Path, file: str, change: Callable[[list[dict[str, object]]], list[dict[str, object]]], said: str
) -> None:
    table = pq.read_table(measured / file)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), measured / file)
    assert any(finding.place.file.endswith(file) for finding in verify(measured).differs)
    write_manifest(measured)
    assert any(said in str(finding) for finding in verify(measured).differs)


def test_a_result_older_than_that_is_averaged_again(measured: Path) -> None:
    for file in ("spans.parquet", "passages.parquet"):
        (measured / file).unlink()
    write_manifest(measured)
    verdict = verify(measured)
    assert verdict.differs == [] and len(verdict.unchecked) == 10
    assert (
        "span_recall@1 of cut on d cannot be scored again: the result does not contain its gold spans" in verdict.text()
    )


def test_measures_of_passages_are_no_measures_of_documents(write_suite: Write) -> None:
    assert str(parse("passage_ndcg_cut_10")) == "passage_nDCG@10" and parse("nDCG@10") != parse("passage_nDCG@10")
    with pytest.raises(UserError, match="'span_iou@5' measures passages already: omit the prefix 'passage_'"):
        parse("passage_span_iou@5")
    with pytest.raises(SuiteError, match="passage_R@5 needs gold spans, but the data set 'toy' has none"):
        planned(write_suite("  a: [{index: bm25}]", measures="[passage_R@5]"))
    judgements = Judgements.of(np.array([0]), np.array([0]), np.array([1]), queries=1)
    with pytest.raises(UserError, match="passage_R@5 needs the gold spans of a data set and the passages of a run"):
        evaluate(["passage_R@5"], Run.top(np.ones((1, 1)), 1), judgements)


def test_a_query_does_not_find_passages_of_itself() -> None:
    corpus, queries = Corpus.of([("a", "xx yy"), ("b", "zz")]), Queries.of([("a", "?"), ("c", "?")])
    passages = Passages.cut(corpus, lambda text: [(i, i + 2) for i in range(0, len(text), 3)])
    found = Run.top(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), 3)
    left = STAGES["filter/identical_ids"](depth=2).open(Runtime(), passages, queries)(found)
    assert left.documents.tolist() == [[2, NONE], [2, 1]]


def test_changed_spans_are_named_as_the_reason(tmp_path: Path) -> None:
    write_spans(tmp_path / "data")
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\ndatasets: {d: {source: jsonl, path: data}}\nmeasures: [span_iou@1]\ndepth: 10\n"
        "systems:\n  cut: [{chunk: sentences, size: 1}, {index: bm25}, {collapse: max}]\n"
    )
    run(suite, results=tmp_path / "results", store=tmp_path / "store")
    spans = tmp_path / "data/spans.jsonl"
    spans.write_text(spans.read_text().replace('"end": 22', '"end": 21'))
    plan, store = prepare_plan(suite, None, None, tmp_path / "store", "cpu", fetch=True)
    why = {p.node.stage.name: p.why for p in forecast(plan, store) if p.node.stage.role == "score"}
    assert why["spans"] == "spans changed"
