"""`harness run` and `harness.run` ask for the same thing by the same request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.api import Request, report_folder, run_suite
from harness.cli import app
from harness.execute.progress import Silent
from harness.results import Results


class Asked(Exception):
    """Carries a request out of the code under test."""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Keep the requests that reach `run_suite`, which runs nothing."""
    kept: list[Request] = []

    def keep(request: Request, progress: object) -> Results:
        kept.append(request)
        raise Asked

    monkeypatch.setattr("harness.api.run_suite", keep)
    return kept


def test_the_command_and_python_make_the_same_request(requests: list[Request], tmp_path: Path) -> None:
    words = ["run", "s.yaml", "--only", "a*", "--only", "b", "--dataset", "d", "--results", "r", "--reports", "p"]
    words += ["--store", "s", "--device", "cpu", "--prices", "prices.yaml", "--no-latency"]
    with pytest.raises(Asked):
        app(words, standalone_mode=False)
    settings = {"results": "r", "reports": "p", "store": "s", "device": "cpu", "prices": "prices.yaml"}
    with pytest.raises(Asked):
        harness.run("s.yaml", only=["a*", "b"], datasets="d", latency=False, **settings)  # type: ignore[arg-type]
    command, python = requests
    assert replace(command, command="") == replace(python, command="")
    assert python.command == "harness.run('s.yaml')" and command.command.startswith("harness ")
    assert (python.only, python.datasets, python.latency) == (("a*", "b"), ("d",), False)


def test_their_defaults_differ_in_the_report_alone(requests: list[Request]) -> None:
    with pytest.raises(Asked):
        app(["run", "s.yaml"], standalone_mode=False)
    with pytest.raises(Asked):
        harness.run("s.yaml")
    command, python = requests
    assert replace(command, command="", reports=None) == replace(python, command="") == Request(Path("s.yaml"), "")
    assert (command.reports, python.reports) == (Path("reports"), None)


def test_a_request_is_carried_out_and_its_report_written(write_suite: Callable[..., Path], tmp_path: Path) -> None:
    request = Request(
        suite=write_suite(),
        command="a test",
        only=("bm25",),
        results=tmp_path / "results",
        reports=tmp_path / "reports",
        store=tmp_path / "store",
    )
    results = run_suite(request, nullcontext(Silent()))
    assert (results.systems, results.run["command"], results.folder.parent) == (
        ["bm25"],
        "a test",
        tmp_path / "results" / "toy",
    )
    assert (report_folder(tmp_path / "reports", results) / "report.html").is_file()
    again = run_suite(replace(request, reports=None, results=tmp_path / "again"), nullcontext(Silent()))
    assert again.measurements == results.measurements
    assert len(list((tmp_path / "reports" / "toy").iterdir())) == 1
