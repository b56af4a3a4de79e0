"""Sharing, resuming and failing, seen from outside: the command as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SYSTEMS

Write = Callable[..., Path]
Harness = Callable[..., "subprocess.CompletedProcess[str]"]


def planned(harness: Harness, suite: Path, *words: str) -> dict[str, Any]:
    done = harness("plan", suite, "--json", *words)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def made(document: dict[str, Any]) -> dict[str, str]:
    """What would be made, and why, by title."""
    return {stage["title"]: stage["why"] for stage in document["stages"] if stage["state"] == "made"}


@pytest.fixture
def ran(harness: Harness, write_suite: Write) -> Path:
    suite = write_suite()
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    return suite


def test_a_run_prints_its_table_and_where_the_report_is(harness: Harness, write_suite: Write, tmp_path: Path) -> None:
    done = harness("run", write_suite())
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    for name in ("bm25", "tfidf", "dense-64", "dense-32", "hybrid", "nDCG@10", "R@20"):
        assert name in done.stdout
    report = done.stdout.split("report:")[1].strip()
    assert (tmp_path / report).read_text().lstrip().lower().startswith("<!doctype html>")


def test_nothing_is_made_twice(harness: Harness, ran: Path) -> None:
    assert made(planned(harness, ran)) == {}
    assert "stages: 0 made" in harness("run", ran).stderr


def test_adding_a_measure_makes_nothing_but_its_scores(harness: Harness, ran: Path, write_suite: Write) -> None:
    document = planned(harness, write_suite(measures="[nDCG@10, R@20, RR@10]"))
    assert len([s for s in document["stages"] if s["state"] == "made"]) == 5
    assert all("RR@10" in title for title in made(document))


def test_order_and_names_of_systems_cost_nothing(harness: Harness, ran: Path, write_suite: Write) -> None:
    renamed = """
  meaning-{d}:
    matrix: {d: [32, 64]}
    stages: [{encode: hashing, dim: 64}, {reduce: truncate, dim: "{d}"}, {index: flat, similarity: cosine}]
  both: [{fuse: rrf, of: [words, meaning-64], k: 60}]
  words: [{index: bm25}]
"""
    suite = write_suite(renamed.replace("  meaning-{d}:", '  "meaning-{d}":'), name="other")
    assert made(planned(harness, suite)) == {}


def test_a_setting_remakes_what_hangs_on_it_and_says_so(harness: Harness, ran: Path, write_suite: Write) -> None:
    document = planned(harness, write_suite(SYSTEMS.replace("{index: bm25}", "{index: bm25, k1: 1.2}")))
    reasons = made(document)
    assert {title.split(" ")[0] for title in reasons} == {"index", "search", "fuse", "score"}
    assert all("k1 1.2, not 0.9" in why for why in reasons.values()), reasons
    kept = {stage["stage"] for stage in document["stages"] if stage["state"] != "made"}
    assert {"encode/hashing", "index/flat", "index/tfidf"} <= kept


def test_a_changed_document_remakes_and_says_so(harness: Harness, ran: Path, collection: Path) -> None:
    corpus = collection / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace("Note 3", "Note three"))
    reasons = made(planned(harness, ran))
    queries = {title: why for title, why in reasons.items() if "corpus" not in why}
    assert not {title for title in queries if not title.startswith("read")}, queries
    assert any(title.startswith("index bm25") and why == "corpus changed" for title, why in reasons.items()), reasons


def test_only_and_dataset(harness: Harness, write_suite: Write) -> None:
    suite = write_suite()
    document = planned(harness, suite, "--only", "bm25")
    assert {name for stage in document["stages"] for name in stage["systems"]} == {"bm25"}
    wrong = harness("plan", suite, "--only", "bm52")
    assert wrong.returncode == 2
    assert "did you mean 'bm25'?" in wrong.stderr
    wrong = harness("plan", suite, "--dataset", "toi")
    assert wrong.returncode == 2
    assert "did you mean 'toy'?" in wrong.stderr


PLUGIN = '''
from collections.abc import Callable
from harness.artifacts.vectors import Vectors
from harness.artifacts.run import Run
from harness.registry import STAGES
from harness.stage import Reducer, Runtime

@STAGES.register("reduce/broken")
class Broken(Reducer):
    """Fails."""
    def open(self, runtime: Runtime) -> Callable[[Vectors], Vectors]:
        def reduce(vectors: Vectors) -> Vectors:
            raise ArithmeticError("no luck <today>")
        return reduce
'''


def test_one_failing_system_takes_no_other_down(harness: Harness, write_suite: Write, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    broken = "  broken: [{encode: hashing, dim: 64}, {reduce: broken}, {index: flat, similarity: cosine}]\n"
    suite = write_suite(SYSTEMS + broken + "  on-it: [{fuse: rrf, of: [bm25, broken]}]\n", head="plugins: [mine.py]")
    done = harness("run", suite)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    folder = next((tmp_path / "results" / "toy").iterdir())
    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["system"] for row in failed} == {"broken", "on-it"}
    assert all(row["value"] is None and "no luck <today>" in row["reason"] for row in failed)
    assert {row["system"] for row in rows if row["status"] == "ok"} >= {"bm25", "tfidf", "dense-64", "hybrid"}
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"


def test_a_damaged_artifact_is_made_again(harness: Harness, ran: Path, tmp_path: Path) -> None:
    for run in (tmp_path / "store" / "artifacts").rglob("scores.npy"):
        run.write_bytes(run.read_bytes()[:-1])
    done = harness("run", ran)
    assert done.returncode == 0
    assert "5 made" in done.stderr
    assert list((tmp_path / "store" / "aside").iterdir())


def test_expectations_decide_the_exit_status(harness: Harness, write_suite: Write) -> None:
    entry = "expect: [{system: bm25, dataset: toy, nDCG@10: VALUE, within: 0.001, source: a guess}]"
    assert harness("run", write_suite(head=entry.replace("VALUE", "0.001"))).returncode == 1
    assert (
        harness("run", write_suite(head=entry.replace("0.001, source", "5, source").replace("VALUE", "1"))).returncode
        == 0
    )


def test_gc_shows_first_and_removes_only_when_told(harness: Harness, ran: Path, write_suite: Write) -> None:
    smaller = write_suite("  bm25: [{index: bm25}]", name="smaller")
    before = harness("store", "ls").stdout
    shown = harness("store", "gc", smaller)
    assert "would be removed" in shown.stdout
    assert "encode hashing" in shown.stdout
    assert harness("store", "ls").stdout == before
    assert " removed" in harness("store", "gc", smaller, "--yes").stdout
    assert made(planned(harness, smaller)) == {}
    assert "encode" not in harness("store", "ls").stdout
    verified = harness("store", "verify")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.parametrize(
    "words", [["run", "nowhere.yaml"], ["plan", "toy"], ["report", "results"], ["store", "gc", "x"]]
)
def test_a_wrong_path_is_one_message(harness: Harness, write_suite: Write, words: list[str]) -> None:
    write_suite()
    done = harness(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
