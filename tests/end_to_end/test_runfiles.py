"""Runs of other systems in a suite: compared like the rest, named by content, and every mistake said with its place."""

import gzip
import json

import pytest

from harness.results import Results

BASE = "\n  bm25: [{index: bm25}]\n"


def recorded(folder):
    (run,) = folder.glob("results/toy/*")
    return Results.load(run)


@pytest.fixture
def other(tmp_path, harness, write_suite):
    """Write bm25's own run to a file, as another system's."""
    done = harness("run", write_suite(systems=BASE, name="first"))
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("results/first/*/runs/toy/bm25.trec.gz")
    path = tmp_path / "theirs-toy.trec"
    path.write_bytes(gzip.decompress(run.read_bytes()))
    return path


def test_a_run_file_is_compared_like_any_other_system(tmp_path, harness, write_suite, other):
    systems = f"{BASE}  theirs: [{{runfile: 'theirs-{{dataset}}.trec'}}]\n  both: [{{fuse: rrf, of: [bm25, theirs]}}]\n"
    suite = write_suite(systems=systems)
    planned = json.loads(harness("plan", suite, "--json").stdout)
    assert "runfile/trec" in {stage["stage"] for stage in planned["stages"]}
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    found = recorded(tmp_path)
    for name in found.measures:
        assert found.value("toy", "theirs", name) == found.value("toy", "bm25", name)
    (about,) = [said for said in found.run["runfiles"] if said["system"] == "theirs"]
    assert (about["lines"], about["queries"], about["unknown_documents"]) == (
        len(other.read_text().splitlines()),
        12,
        0,
    )
    assert found.value("toy", "theirs", "missing_queries") == 0
    assert set(found.run["definitions"]) == set(found.measures)
    report = next(tmp_path.glob("reports/toy/*/*.md")).read_text()
    assert "What the measures mean" in report
    assert "## Counts" in report
    assert harness("verify", found.folder).returncode == 0
    other.write_text(other.read_text().replace("d000", "D000", 1))
    states = {stage["stage"]: stage["state"] for stage in json.loads(harness("plan", suite, "--json").stdout)["stages"]}
    assert (states["runfile/trec"], states["index/bm25"]) == ("made", "reused")


def test_what_the_data_set_lacks_is_counted(tmp_path, harness, write_suite, other):
    lines = [line for line in other.read_text().splitlines() if not line.startswith("q003 ")]
    other.write_text("\n".join(["q000 Q0 nowhere 1 1e9 x", "q99 Q0 d00001 1 1 x", *lines]))
    done = harness("run", write_suite(systems=f"{BASE}  theirs: [{{runfile: theirs-toy.trec, depth: 25}}]\n"))
    assert done.returncode == 0, done.stderr
    found = recorded(tmp_path)
    assert found.value("toy", "theirs", "missing_queries") == 1
    assert found.value("toy", "bm25", "missing_queries") == 0
    warnings = " ".join(found.run["warnings"])
    assert "has 1 lines with documents that are not in the corpus" in warnings
    assert "has 1 queries that are not in the data set" in warnings
    assert found.run["runfiles"][0]["unknown_documents"] == 1


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ("{runfile: their-toy.trec}", "", "toy.yaml:8:12: no run file 'their-toy.trec'"),
        ("{runfile: theirs-toy.trec}", "q1 Q0 d1 1 x t\n", "theirs-toy.trec:1: the score should be a number"),
        ("{runfile: theirs-toy.trec}", "", "theirs-toy.trec: the file contains no data"),
        ("{runfile: theirs-toy.trec, k: 3}", "q Q0 d 1 1 t", "has no setting 'k'"),
        ("{runfile: theirs-toy.trec, depth: 5}", "q Q0 d 1 1 t", "nDCG@10 needs a run of depth 10, but the system"),
        ("{runfile: 7}", "q Q0 d 1 1 t", "no run file '7' for the data set 'toy'"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place(tmp_path, harness, write_suite, words, text, message):
    (tmp_path / "theirs-toy.trec").write_text(text)
    done = harness("run", write_suite(systems=f"  theirs: [{words}]\n"))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_ids_of_another_collection_are_a_failure_and_no_zero(tmp_path, harness, write_suite):
    (tmp_path / "theirs.trec").write_text("q000 Q0 elsewhere 1 1 t\n")
    done = harness("run", write_suite(systems=f"{BASE}  theirs: [{{runfile: theirs.trec}}]\n"))
    assert done.returncode == 4
    assert "none of the documents in the run file, such as " in done.stderr
