"""Results in the formats of others: read back equal, by plain readers, and by ranx itself where that is slow."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.exports import FORMATS, export_to
from harness.results import Results
from tests.unit.results.made_results import HOSTILE, SYSTEMS, Names, make, qrels, query_ids

RUN = Names("toy", "bm25", "how-to")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results.load(make(tmp_path_factory.mktemp("made") / "quickstart" / "run", RUN))


def lines(results: Results, name: str) -> list[list[str]]:
    return [line.split() for line in gzip.decompress((results.folder / name).read_bytes()).decode().splitlines()]


def test_trec_files_are_those_of_the_result(results: Results, tmp_path: Path) -> None:
    plain, zipped = export_to("trec", results, tmp_path / "plain"), export_to("trec-gz", results, tmp_path / "gz")
    assert len(plain) == len(zipped) == len(SYSTEMS) - 1 + 2
    text = (tmp_path / "plain/runs/toy/bm25.trec").read_text()
    assert [line.split() for line in text.splitlines()] == lines(results, "runs/toy/bm25.trec.gz")
    for name in ("runs/toy/bm25.trec.gz", "qrels/toy.trec.gz"):
        assert (tmp_path / "gz" / name).read_bytes() == (results.folder / name).read_bytes()
    manifest = json.loads((tmp_path / "plain/manifest.json").read_text())
    assert (manifest["suite"], manifest["run"]) == ("quickstart", results.id)
    assert {file["system"] for file in manifest["files"]} == {None, *SYSTEMS} - {"broken"}
    for file in manifest["files"]:
        content = (tmp_path / "plain" / file["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert file["sha256"] == results.run["files"]["sha256"][file["path"] + ".gz"]


def test_tables_hold_every_digit(results: Results, tmp_path: Path) -> None:
    numbers, values = export_to("csv", results, tmp_path)
    with numbers.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(results.measurements)
    for row, measurement in zip(found, results.measurements, strict=True):
        assert (row["run"], row["suite"]) == (results.id, "quickstart")
        for name, value in asdict(measurement).items():
            read = float(row[name]) if isinstance(value, float | int) else row[name] or None
            assert read == (value or None if isinstance(value, str) else value), name
    with values.open(newline="") as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == results.per_query()["value"].to_pylist()
    numbers, values = export_to("parquet", results, tmp_path)
    expected = [{"run": results.id, "suite": "quickstart", **asdict(row)} for row in results.measurements]
    assert pq.read_table(numbers).to_pylist() == expected
    assert pq.read_table(values).drop_columns(["run", "suite"]).to_pylist() == results.per_query().to_pylist()


def test_ranx_files_hold_the_run(results: Results, tmp_path: Path) -> None:
    export_to("ranx", results, tmp_path)
    found = json.loads((tmp_path / "runs/toy/bm25.json").read_text())
    expected: dict[str, dict[str, float]] = {query: {} for query in query_ids()}
    for query, _, document, _, score, _ in lines(results, "runs/toy/bm25.trec.gz"):
        expected[query][document] = float(score)
    assert {query: list(documents) for query, documents in found.items()} == {q: list(d) for q, d in expected.items()}
    for query, documents in expected.items():
        assert list(found[query].values()) == pytest.approx(list(documents.values()), rel=1e-7)
    judged = json.loads((tmp_path / "qrels/toy.json").read_text())
    assert [(q, d, g) for q, row in judged.items() for d, g in row.items()] == [
        tuple(judgement) for judgement in qrels()
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # ranx leaves files open
def test_ranx_reads_the_files_back(results: Results, tmp_path: Path) -> None:
    ranx = pytest.importorskip("ranx")
    export_to("ranx", results, tmp_path)
    run = ranx.Run.from_file(str(tmp_path / "runs/toy/bm25.json"), name="bm25")
    assert run.to_dict() == json.loads((tmp_path / "runs/toy/bm25.json").read_text())
    known = ranx.Qrels.from_file(str(tmp_path / "qrels/toy.json"))
    assert known.to_dict() == json.loads((tmp_path / "qrels/toy.json").read_text())
    judged = [(query, doc, grade) for query, row in known.to_dict().items() for doc, grade in row.items()]
    assert sorted(judged) == sorted(map(tuple, qrels()))


def test_an_export_never_touches_the_result(results: Results, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in results.folder.rglob("*") if path.is_file()}
    for name in set(FORMATS) - {"mteb"}:
        export_to(name, results, tmp_path / name)
        assert export_to(name, results, tmp_path / name)  # again, over what is there
        for folder in (results.folder, results.folder / "more"):
            with pytest.raises(UserError, match="never edited"):
                export_to(name, results, folder)
    assert {path: path.read_bytes() for path in results.folder.rglob("*") if path.is_file()} == before


def test_names_that_are_no_file_names(tmp_path: Path) -> None:
    results = Results.load(make(tmp_path / "suite" / "run", Names(HOSTILE, f"a/../{HOSTILE}", HOSTILE)))
    for name in set(FORMATS) - {"mteb"}:
        for path in export_to(name, results, tmp_path / name):
            assert path.resolve().is_relative_to((tmp_path / name).resolve()) and path.is_file()
    said = json.loads((tmp_path / "trec/manifest.json").read_text())["files"]
    assert f"a/../{HOSTILE}" in {file["system"] for file in said}
    with (tmp_path / "csv/measurements.csv").open(newline="") as file:
        assert {row["dataset"] for row in csv.DictReader(file)} == {HOSTILE}


def test_the_command(results: Results, harness: Callable, tmp_path: Path) -> None:
    done = harness("export", results.folder, "--format", "csv", "--out", tmp_path / "out")
    assert done.returncode == 0 and [Path(line).name for line in done.stdout.split()] == [
        "measurements.csv",
        "per_query.csv",
    ]
    (tmp_path / "file").write_text("")
    for words, message in (
        (("--format", "parket", "--out", "out"), "unknown format 'parket'; did you mean 'parquet'?"),
        (("--format", "csv", "--out", "file"), "cannot be written"),
    ):
        wrong = harness("export", results.folder, *words)
        assert (wrong.returncode, wrong.stdout) == (2, "") and message in wrong.stderr
        assert wrong.stderr.count("\n") == 1


def test_a_damaged_run_is_an_error_with_its_file(tmp_path: Path) -> None:
    folder = make(tmp_path / "suite" / "run")
    (folder / "runs/toy/bm25.trec.gz").write_bytes(b"\x1f\x8bxx")
    for name in ("trec", "ranx"):
        with pytest.raises(UserError, match=r"bm25\.trec\.gz: "):
            export_to(name, Results.load(folder), tmp_path / "out")
