"""Result folders: what is written is read back, and damage is named by file and line."""

import gzip
import json
import re

import numpy as np
import pyarrow as pa
import pytest
import pytrec_eval

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.trec.write import write_qrels, write_run
from harness.errors import UserError
from harness.results import Measurement, Results
from harness.results.file_names import safe_names
from harness.results.layout import FORMAT
from harness.results.write import Contents, write_results
from tests.unit.results.made_results import (
    DEPTH,
    HOSTILE,
    MEASURES,
    REASON,
    SYSTEMS,
    Names,
    doc_ids,
    make,
    qrels,
    query_ids,
    run,
)


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "quickstart" / "run")


def lines(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_what_is_written_is_read_back(folder):
    results = Results.load(folder)
    assert (results.id, results.suite, results.measures) == ("20250101T000000Z-abc123", "quickstart", list(MEASURES))
    assert results.datasets == ["toy"]
    assert results.systems == list(SYSTEMS)
    assert results.run["format"] == FORMAT
    assert results.value("toy", "bm25", "index_bytes") == 120_000
    broken = results.measurement("toy", "broken", "RR@10")
    assert (broken.value, broken.status, broken.reason) == (None, "failed", REASON)
    assert results.value("toy", "broken", "RR@10") is None
    assert results.value("toy", "nobody", "RR@10") is None
    assert results.tags().num_rows == 20


def test_means_are_those_of_the_values_a_query(folder):
    results = Results.load(folder / "run.json")
    table = results.per_query().to_pylist()
    mine = [row["value"] for row in table if (row["system"], row["quantity"]) == ("bm25", "nDCG@10")]
    assert np.mean(mine) == pytest.approx(results.value("toy", "bm25", "nDCG@10"))


def test_equal_results_are_equal_bytes(tmp_path, folder):
    again = make(tmp_path / "again")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((folder / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_a_result_is_never_written_twice(folder):
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UserError, match="never edited"):
        make(folder)
    assert (folder / "run.json").read_bytes() == before


def test_a_write_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_results(tmp_path / "suite" / "run", Contents({"x": float("nan")}))
    assert list((tmp_path / "suite").iterdir()) == []


def test_optional_parts_may_be_missing(tmp_path):
    results = Results.load(write_results(tmp_path / "suite" / "run", Contents({})))
    assert (results.id, results.suite, results.measures, results.datasets) == ("run", "suite", [], [])
    assert results.per_query().num_rows == results.tags().num_rows == 0


def test_unknown_keys_are_passed_over(folder):
    file = folder / "measurements.jsonl"
    said = {"dataset": "toy", "system": "new", "stage": None, "quantity": "q", "value": 1, "of_tomorrow": 5}
    file.write_text(file.read_text() + "\n" + json.dumps(said) + "\n")
    assert Results.load(folder).value("toy", "new", "q") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"dataset": "toy", "sys', "Unterminated string"),
        ("[1]", "object has no attribute"),
        ('{"dataset": "toy"}', "missing 4 required"),
        ('{"dataset": "t", "system": "s", "stage": null, "quantity": "q", "value": NaN}', "not finite"),
        ('{"dataset": "t", "system": "s", "stage": null, "quantity": "q", "value": "1"}', "real number"),
        (
            '{"dataset": "t", "system": "s", "stage": null, "quantity": "q", "value": null}',
            "must have the status 'failed'",
        ),
        ('{"dataset": 5, "system": "s", "stage": null, "quantity": "q", "value": 1}', "must be strings"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(folder, line, message):
    file = folder / "measurements.jsonl"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([*rows[:4], line, *rows[4:]]))
    with pytest.raises(UserError, match=rf"measurements\.jsonl:5: damaged: .*{message}"):
        Results.load(folder)


def test_a_damaged_run_is_named_by_file_and_line(folder):
    file = folder / "run.json"
    file.write_text(file.read_text()[:300])
    with pytest.raises(UserError, match=r"run\.json:\d+:\d+: damaged"):
        Results.load(folder)
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8 at byte 0"):
        Results.load(folder)


def test_a_format_of_the_future_is_refused(folder):
    file = folder / "run.json"
    file.write_text(re.sub(r'"format": \d+', f'"format": {FORMAT + 1}', file.read_text()))
    with pytest.raises(
        UserError, match=f"written in format {FORMAT + 1} by a newer harness; this one reads up to {FORMAT}"
    ):
        Results.load(folder)


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "1"}', '{"format": true}', '{"format": 0}'])
def test_a_foreign_file_is_refused(folder, text):
    (folder / "run.json").write_text(text)
    with pytest.raises(UserError, match="not a result of this harness"):
        Results.load(folder)


def test_missing_folders_and_files_are_said(folder):
    with pytest.raises(UserError, match=r"not a result folder: it has no run\.json"):
        Results.load(folder / "nowhere")
    with pytest.raises(UserError, match="it holds the runs run: name one of them"):
        Results.load(folder.parent)
    (folder / "measurements.jsonl").unlink()
    with pytest.raises(UserError, match=r"has no measurements\.jsonl"):
        Results.load(folder)


def test_a_damaged_table_is_said(folder):
    (folder / "per_query.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"per_query\.parquet: damaged"):
        Results.load(folder).per_query()


def test_a_measurement_is_a_number_or_a_failure():
    row = ("toy", "s", None, "q")
    assert not Measurement(*row, 0.0).failed
    for value, more in ((None, {}), (1.0, {"status": "failed", "reason": "x"}), (None, {"status": "failed"})):
        with pytest.raises(ValueError, match=r"failed|failure"):
            Measurement(*row, value, **more)
    with pytest.raises(ValueError, match="'maybe'"):
        Measurement(*row, 1.0, status="maybe")
    with pytest.raises(ValueError, match="not finite"):
        Measurement(*row, 1.0, high=float("inf"))


def test_trec_lines_hold_the_run(folder):
    results = Results.load(folder)
    found = [line.split() for line in lines(folder / results.run["files"]["runs"]["toy"]["bm25"])]
    expected = run(0)
    row, place = np.nonzero(expected.documents != NONE)
    assert [line[0] for line in found] == [query_ids()[i] for i in row]
    assert {line[1] for line in found} == {"Q0"}
    assert [line[2] for line in found] == [doc_ids()[i] for i in expected.documents[row, place]]
    assert [int(line[3]) for line in found] == (place + 1).tolist()
    np.testing.assert_array_equal(np.array([line[4] for line in found], np.float32), expected.scores[row, place])
    assert {line[5] for line in found} == {"bm25"}


def test_sorting_by_score_and_id_keeps_the_order(folder):
    found = [line.split() for line in lines(folder / "runs" / "toy" / "copy.trec.gz")]
    ordered = sorted(found, key=lambda line: (float(line[4]), line[2]), reverse=True)
    assert sorted(ordered, key=lambda line: line[0]) == found


def test_scores_next_to_each_other_stay_apart(tmp_path):
    scores = [np.float32(0.1)]
    for _ in range(DEPTH - 1):
        scores.append(np.nextafter(scores[-1], np.float32(1), dtype=np.float32))
    write_run(tmp_path / "x", Run.top(np.array([scores]), DEPTH), ["q"], doc_ids()[:DEPTH], "t")
    read = [float(line.split()[4]) for line in lines(tmp_path / "x")]
    assert sorted(set(read), reverse=True) == read


def test_another_tool_scores_the_files_as_the_arrays(folder):
    read_run: dict = {}
    for query, _, doc, _, score, _ in map(str.split, lines(folder / "runs/toy/dense-64-cosine.trec.gz")):
        read_run.setdefault(query, {})[doc] = float(score)
    read_qrels: dict = {}
    for query, _, doc, grade in map(str.split, lines(folder / "qrels/toy.trec.gz")):
        read_qrels.setdefault(query, {})[doc] = int(grade)
    known: dict = {}
    for judgement in qrels():
        known.setdefault(judgement.query_id, {})[judgement.doc_id] = judgement.grade
    expected = run(SYSTEMS.index("dense-64-cosine"))
    arrays = {
        query: {doc_ids()[d]: float(s) for d, s in zip(docs, scores, strict=True) if d != NONE}
        for query, docs, scores in zip(query_ids(), expected.documents, expected.scores, strict=True)
    }
    assert read_qrels == known
    measures = {"ndcg_cut_10", "recip_rank", "map", "recall_100"}
    found = pytrec_eval.RelevanceEvaluator(read_qrels, measures).evaluate(read_run)
    assert found == pytrec_eval.RelevanceEvaluator(known, measures).evaluate(arrays)


def test_a_slice_of_a_run_keeps_its_queries(tmp_path):
    write_run(tmp_path / "x", run(1).take(slice(5, 7)), query_ids(), pa.chunked_array([doc_ids()]), "t")
    assert {line.split()[0] for line in lines(tmp_path / "x")} == {"q005", "q006"}


def test_an_empty_run_is_an_empty_file(tmp_path):
    write_run(tmp_path / "x", Run.top(np.full((2, 3), -np.inf), 3), ["a", "b"], ["c", "d", "e"], "t")
    assert lines(tmp_path / "x") == []


def test_a_space_in_an_id_ends_no_column(tmp_path):
    ids = ["a b", "c\u2003\x85d", "plain%20"]
    write_run(tmp_path / "run", Run.top(np.array([[3.0, 2.0, 1.0]]), 3), ["q 1"], ids, "t")
    found = [line.split() for line in lines(tmp_path / "run")]
    assert [line[2] for line in found] == ["a%20b", "c%E2%80%83%C2%85d", "plain%20"]
    assert {line[0] for line in found} == {"q%201"}
    write_qrels(tmp_path / "qrels", Qrels.of([Judgement("q 1", "a b", -1)]))
    assert lines(tmp_path / "qrels") == ["q%201 0 a%20b -1"]


def test_hostile_names_are_safe_files(tmp_path):
    names = Names(dataset="../../etc/passwd", first=HOSTILE)
    folder = make(tmp_path / "results" / "run", names)
    results = Results.load(folder)
    assert results.systems[0] == HOSTILE
    files = results.run["files"]
    place = folder / files["runs"][names.dataset][HOSTILE]
    assert place.resolve().is_relative_to(folder.resolve())
    assert place.is_file()
    assert all(len(line.split()) == 6 for line in lines(place))
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_file_names_are_unique_even_where_case_is_not_told_apart():
    names = ["a", "A", "b", ".", "..", "x/y", "x_y", "é", "x" * 300, ""]
    files = safe_names(names).values()
    assert len({file.lower() for file in files}) == len(names)
    assert all(re.fullmatch(r"[\w-][\w.-]{0,99}", file, re.ASCII) for file in files)
    assert safe_names(["dense-384.v2"]) == {"dense-384.v2": "dense-384.v2"}
