"""What is odd about a collection is found, told on the terminal, and stored with every result; damage is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.artifacts.judgements import Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.hygiene import ANOMALIES, Hygiene, examine

CORPUS = {"d1": "nets leak", "d2": "nets leak", "d3": " ", "d4": "ropes  Hold", "q1": "sails tear"}
ASKED = {"q1": "ropes hold", "q2": "do nets leak?", "q3": "", "q4": "do nets leak?", "q5": "why"}
JUDGED = [("q1", "d4", 1), ("q1", "gone", 1), ("q2", "d1", 2), ("q3", "d1", 1), ("q4", "d1", 0), ("q5", "d3", 1)]
ODD = {
    "judged_documents_missing": ["gone"],
    "judged_queries_missing": ["q9"],
    "empty_documents": ["d3"],
    "empty_queries": ["q3"],
    "duplicate_documents": ["d2"],
    "duplicate_queries": ["q4"],
    "queries_without_relevant": ["q4"],
    "positives_equal_to_query": ["q1"],
    "shared_ids": ["q1"],
    "judged_themselves": [],
}
SUITE = """
name: odd
datasets:
  odd: {{source: csv, path: odd{more}}}
measures: [nDCG@10]
systems:
  bm25: [{{index: bm25}}]
"""


def look(
    corpus: dict[str, str] = CORPUS, asked: dict[str, str] = ASKED, judged: list = JUDGED, **settings: bool
) -> Hygiene:
    return examine(Corpus.of(corpus.items()), Queries.of(asked.items()), Qrels.of(judged), **settings)


def write(folder: Path) -> None:
    folder.mkdir()
    for name, head, rows in (
        ("corpus", "id,text", CORPUS.items()),
        ("queries", "id,text", ASKED.items()),
        ("qrels", "query id,doc id,grade", JUDGED),
    ):
        lines = [head, *(",".join(map(str, row)) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def test_a_clean_collection_raises_no_question() -> None:
    clean = look({"d1": "nets", "d2": "ropes"}, {"q1": "a net?"}, [("q1", "d1", 1), ("q1", "d2", 2)])
    assert not any(clean.counts.values())
    assert (clean.findings, clean.examples, clean.grades) == ([], {}, {"1": 1, "2": 1})


@pytest.mark.parametrize("name", ODD)
def test_each_oddity_is_counted_with_examples(name: str) -> None:
    found = look(judged=[*JUDGED, ("q9", "d1", 1)])
    assert found.counts[name] == len(ODD[name])
    assert found.examples.get(name, []) == ODD[name]
    if name in ANOMALIES:
        assert f"{ANOMALIES[name]}: 1 ({ODD[name][0]!r})" in found.findings


def test_every_count_is_named_here() -> None:
    assert set(look().counts) == set(ODD) and set(ANOMALIES) <= set(ODD)


def test_the_first_of_equal_texts_is_no_duplicate_and_empty_ones_are_counted_once() -> None:
    found = look({"d1": "x", "d2": "x", "d3": "x", "d4": "", "d5": ""}, {"q": "a"}, [("q", "d1", 1)])
    assert (found.counts["duplicate_documents"], found.examples["duplicate_documents"]) == (2, ["d2", "d3"])
    assert found.counts["empty_documents"] == 2


def test_only_some_examples_are_kept() -> None:
    found = look({f"d{i}": "same" for i in range(9)}, {"q": "a"}, [("q", "d1", 1)])
    assert f"{ANOMALIES['duplicate_documents']}: 8 ('d1', 'd2', 'd3', …)" in found.findings


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = look()
    monkeypatch.setattr("harness.datasets.hygiene.BATCH", 2)
    assert look() == whole


@pytest.mark.parametrize(
    ("grades", "said"),
    [
        ((0, 1, 2, 3, 4), None),
        ((-1, 1), r"some grades are negative (-1, 1)"),
        ((0, 5), "the grades go up to 5 (0, 5): check that higher is better"),
        ((1, 3), "no judgement has the grade 2, although higher ones occur (1, 3)"),
        ((0,), "no grade is above 0 (0): nothing is relevant"),
    ],
)
def test_grades_out_of_the_ordinary(grades: tuple[int, ...], said: str | None) -> None:
    corpus = {f"d{i}": f"text {i}" for i in range(9)}
    found = look(corpus, {"q": "a"}, [("q", f"d{i}", grade) for i, grade in enumerate(grades)])
    told = [finding for finding in found.findings if "grade" in finding]
    assert found.grades == dict.fromkeys(map(str, grades), 1)
    assert not told if said is None else any(finding.startswith(said) for finding in told)


def test_shared_ids_are_explained_over_one_per_cent_only() -> None:
    corpus = {"q1": "a", "d1": "b"}
    asked = {f"q{i}": f"ask {i}" for i in range(100)}
    judged = [(query, "d1", 1) for query in asked]
    assert look(corpus, asked, judged).findings == []
    few = look(corpus, {key: asked[key] for key in list(asked)[:50]}, judged[:50])
    assert len(few.findings) == 1
    assert few.findings[0].startswith(
        "query ids that are also document ids: 1 (2.0% of the queries); if the queries are"
    )
    assert "`ignore_identical_ids: true`" in few.findings[0]
    ignored = look(corpus, asked, judged, ignore_identical_ids=True)
    [told] = ignored.findings
    assert told.startswith("query ids that are also document ids: 1 (1.0% of the queries); these documents are removed")


def test_a_query_that_is_its_own_answer_is_told() -> None:
    asked, judged = {"q1": "ask"}, [("q1", "q1", 1)]
    found = look({"q1": "a", "d": "b"}, asked, judged)
    assert any("is judged relevant: 1; any system finds it" in finding for finding in found.findings)
    ignored = look({"q1": "a", "d": "b"}, asked, judged, ignore_identical_ids=True)
    assert any("is judged relevant: 1; it can never be found" in finding for finding in ignored.findings)


def test_findings_are_told_by_data_plan_run_and_report_and_stored(tmp_path: Path, harness) -> None:
    write(tmp_path / "odd")
    (tmp_path / "suite.yaml").write_text(SUITE.format(more=""))
    said = json.loads(harness("data", "suite.yaml", "--json").stdout)["hygiene"]
    expected = look(judged=JUDGED).document()
    assert said == expected
    told = {"data": harness("data", "suite.yaml"), "plan": harness("plan", "suite.yaml")}
    told["run"] = harness("run", "suite.yaml")
    for word, done in told.items():
        assert done.returncode == 0, done.stderr
        flat = " ".join(done.stdout.split())
        assert all(" ".join(finding.split()) in flat for finding in expected["findings"]), word
    run = json.loads(next(tmp_path.glob("results/odd/*/run.json")).read_text())
    assert run["datasets"]["odd"]["hygiene"] == expected
    page = next(tmp_path.glob("reports/odd/*/report.md")).read_text()
    assert "documents without text: 1" in page and "queries with the same text as another one: 1" in page


def test_queries_that_nobody_judged_are_told(tmp_path: Path, harness) -> None:
    write(tmp_path / "odd")
    with (tmp_path / "odd" / "queries.csv").open("a") as file:
        file.write("q7,who asks?\nq8,nobody\n")
    said = json.loads(harness("data", "csv:odd", "--json").stdout)
    assert said["queries"] == len(ASKED)
    assert "queries without judgements, which are left out: 2" in said["notes"]


def test_a_map_of_grades_names_other_data_and_is_printed_with_the_number(tmp_path: Path, harness) -> None:
    write(tmp_path / "odd")
    found = {}
    for name, more in (("plain", ""), ("mapped", ", grades: {0: 0, 1: 2, 2: 1}")):
        (tmp_path / "suite.yaml").write_text(SUITE.format(more=more).replace("name: odd", f"name: {name}"))
        done = harness("run", "suite.yaml")
        assert done.returncode == 0, done.stderr
        assert ("grades are read as: 0 as 0, 1 as 2, 2 as 1" in done.stdout) == (name == "mapped")
        found[name] = json.loads(next(tmp_path.glob(f"results/{name}/*/run.json")).read_text())["datasets"]["odd"]
    assert found["plain"]["corpus"] == found["mapped"]["corpus"]
    assert found["plain"]["qrels"] != found["mapped"]["qrels"]
    assert found["mapped"]["settings"]["grades"] == {"0": 0, "1": 2, "2": 1}
    assert found["mapped"]["hygiene"]["grades"] == {"0": 1, "1": 1, "2": 4}
    assert "grades are not used as published: 0 as 0, 1 as 2, 2 as 1" in found["mapped"]["notes"]


def test_a_grade_that_the_map_does_not_name_is_refused(tmp_path: Path, harness) -> None:
    write(tmp_path / "odd")
    (tmp_path / "suite.yaml").write_text(SUITE.format(more=", grades: {0: 0, 1: 1}"))
    done = harness("data", "suite.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'d1' is judged as 2 for the query 'q2', and `grades` maps only 0, 1" in done.stderr


def test_other_content_under_the_same_words_is_told(tmp_path: Path, harness) -> None:
    write(tmp_path / "odd")
    first = json.loads(harness("data", "csv:odd", "--json").stdout)
    corpus = tmp_path / "odd" / "corpus.csv"
    corpus.write_text(corpus.read_text() + "d5,another one\n")
    told = json.loads(harness("data", "csv:odd", "--json").stdout)["hygiene"]["findings"]
    [revision] = [finding for finding in told if finding.startswith("more than one revision")]
    assert revision.startswith("more than one revision: the corpus of this data set had other content")
    assert first["fingerprints"]["corpus"][:12] in revision
