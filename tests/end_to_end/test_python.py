"""The public face in Python: run, load, data frames, and SQL over result files in place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.errors import MissingLibrary, UserError
from harness.results import Results
from harness.results.layout import FORMAT
from tests.unit.results.made_results import SYSTEMS, make


@pytest.fixture
def made(tmp_path: Path) -> Results:
    return Results.load(make(tmp_path / "results" / "quickstart" / "first"))


def test_run_gives_what_the_command_records(
    write_suite: Callable, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    suite, store = write_suite(), tmp_path / "store"
    results = harness.run(suite, only="bm25", results=tmp_path / "results", store=store)
    assert capfd.readouterr() == ("", "")
    assert isinstance(results, harness.Results)
    assert (results.systems, results.run["status"], results.folder.parent) == (
        ["bm25"],
        "complete",
        tmp_path / "results" / "toy",
    )
    assert results.run["command"] == f"harness.run({str(suite)!r})"
    words = ["run", suite, "--only", "bm25", "--results", tmp_path / "again", "--store", store, "--reports", tmp_path]
    subprocess.run([sys.executable, "-m", "harness", *map(str, words)], check=True, capture_output=True)
    (folder,) = (tmp_path / "again" / "toy").iterdir()
    assert Results.load(folder).measurements == results.measurements


def test_a_report_and_progress_are_there_for_the_asking(
    write_suite: Callable, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    results = harness.run(
        str(write_suite()), results=tmp_path / "r", store=tmp_path / "s", reports=tmp_path / "reports", quiet=False
    )
    assert (tmp_path / "reports" / "toy" / results.id / "report.html").is_file()
    assert "stages: " in capfd.readouterr().err


def test_a_failing_system_is_in_the_results(write_suite: Callable, tmp_path: Path) -> None:
    suite = write_suite(
        "  bm25: [{index: bm25}]\n  odd: [{encode: hashing, dim: 8}, {reduce: truncate, dim: 9}, {index: flat}]"
    )
    results = harness.run(suite, results=tmp_path / "r", store=tmp_path / "s")
    assert results.run["status"] == "failed"
    assert "fewer than dim: 9" in str(results.measurement("toy", "odd", "nDCG@10"))
    assert results.value("toy", "bm25", "nDCG@10") is not None


def test_mistakes_are_user_errors(write_suite: Callable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such suite"):
        harness.run(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="no data set 'tod'; did you mean 'toy'"):
        harness.run(write_suite(), datasets=["tod"], store=tmp_path / "s")
    with pytest.raises(UserError, match="no system matches 'bm52'"):
        harness.run(write_suite(), only=["bm52"], store=tmp_path / "s")
    with pytest.raises(UserError, match="cud"):
        harness.run(write_suite(), device="cud", store=tmp_path / "s")


def test_to_pandas_gives_one_row_a_number(made: Results) -> None:
    pytest.importorskip("pandas")
    frame = made.to_pandas()
    assert len(frame) == len(made.measurements)
    assert frame.dtypes[["value", "n", "low"]].astype(str).tolist() == ["float64", "Int64", "float64"]
    one = frame[(frame.system == "bm25") & (frame.quantity == "nDCG@10")].iloc[0]
    assert (one.value, one.n) == (made.value("toy", "bm25", "nDCG@10"), 40)
    assert frame[frame.status == "failed"].value.isna().all()


def test_without_pandas_it_says_what_to_install(made: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingLibrary, match=r"retrieval-harness\[pandas\]"):
        made.to_pandas()


def test_sql_over_one_run(made: Results) -> None:
    sql = "select system, value from measurements where quantity = 'nDCG@10' and status = 'ok' order by value desc"
    best = made.query(sql).to_pylist()
    assert best[0]["value"] == max(row.value for row in made.measurements if row.quantity == "nDCG@10" and row.value)
    means = made.query("select system, avg(value) as m from per_query where quantity = 'RR@10' group by system")
    for row in means.to_pylist():
        assert row["m"] == pytest.approx(made.value("toy", row["system"], "RR@10"))
    run = made.query("select run, suite, status, machine, facts->>'$.libraries.numpy' as numpy from runs").to_pylist()
    assert run == [
        {"run": made.id, "suite": "quickstart", "status": "failed", "machine": "laptop-7f3a", "numpy": "2.1.0"}
    ]
    assert made.query("select count(*) as n from tags").to_pylist() == [{"n": 20}]
    assert made.query("from measurements").num_rows == len(made.measurements)


def test_sql_over_many_runs_wherever_they_lie(made: Results, tmp_path: Path) -> None:
    odd = tmp_path / "it's [odd]*" / "suite"
    odd.mkdir(parents=True)
    second = make(odd / "second", run="second")
    (second / "tags.parquet").unlink()
    sql = "select run, count(distinct system) as systems from per_query group by run order by run"
    expected = [{"run": made.id, "systems": len(SYSTEMS) - 1}, {"run": "second", "systems": len(SYSTEMS) - 1}]
    for runs in ([made, second], [tmp_path / "results", str(odd)], [made.folder / "run.json", odd.parent, second]):
        assert harness.query(runs, sql).to_pylist() == expected
    assert harness.query([made, second], "select distinct run from tags").num_rows == 1
    assert harness.query(second, "select * from tags").num_rows == 0
    shutil.copy(second / "per_query.parquet", second / "latency.parquet")
    assert harness.query([made, second], "select distinct run from latency").to_pylist() == [{"run": "second"}]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select nope from measurements", 'Referenced column "nope" not found'),
        ("selec 1", "syntax error"),
        ("", "returns no rows"),
        ("select * from latencies", "latencies does not exist"),
        ("select value::int[] from measurements", "Conversion|Cast|cast"),
    ],
)
def test_sql_that_cannot_be_answered_is_one_line(made: Results, sql: str, message: str) -> None:
    measurements = 5  # noqa: F841  a variable here is no table there
    with pytest.raises(UserError, match=message) as error:
        made.query(sql)
    assert "\n" not in str(error.value)


def test_runs_that_are_none_are_said(made: Results, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="names no run"):
        harness.query([], "select 1")
    with pytest.raises(UserError, match="not a result folder"):
        harness.query(tmp_path / "nowhere", "select 1")
    file = made.folder / "run.json"
    file.write_text(file.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(UserError, match="newer harness"):
        harness.query(made.folder, "select 1")


def test_damage_is_said_by_the_file(made: Results) -> None:
    (made.folder / "measurements.jsonl").write_text('{"dataset": "toy", "value": "x"}\n{')
    with pytest.raises(UserError, match=r"measurements\.jsonl"):
        made.query("select * from measurements")


def test_importing_the_package_is_light() -> None:
    code = "import sys, harness; print(harness.__version__, *(m for m in sys.modules if m.startswith('harness')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == [harness.__version__, "harness"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        harness.nothing  # noqa: B018
