"""The choice of parameters against loops, and what must never be: a query answered by what its own judgements chose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.api import run
from harness.artifacts.run import NONE, Run
from harness.artifacts.scores import Scores
from harness.errors import SuiteError, UserError
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Runtime
from harness.statistics.cross_validation import choose
from harness.suite import load_suite
from tests.conftest import write_collection

ARMS = "  bm25: [{index: bm25}]\n  dense: [{encode: hashing, dim: 64}, {index: flat}]\n"
FOLDS = ARMS + "  both: [{fuse: rrf, of: [bm25, dense], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}]\n"
TRAIN = (
    ARMS
    + "  both: [{fuse: weighted, of: [bm25, dense], tune: {weights: [[1, 0], [0, 1]], train: train, measure: RR@5}}]\n"
)


def test_folds_by_loops() -> None:
    values = np.random.default_rng(3).random((23, 4))
    values[[2, 11]] = np.nan
    choice = choose(values, folds=5, seed=9)
    assert choice.fold is not None
    assert sorted(np.bincount(choice.fold).tolist()) == [4, 4, 5, 5, 5]
    for query, candidate in enumerate(choice.of(range(23))):
        others = [q for q in range(23) if choice.fold[q] != choice.fold[query] and q not in (2, 11)]
        means = [sum(values[q, c] for q in others) / len(others) for c in range(4)]
        assert candidate == means.index(max(means))
        np.testing.assert_allclose(choice.means[choice.fold[query]], means)
        assert choice.counts[choice.fold[query]] == len(others)


def test_what_a_query_is_judged_as_cannot_change_its_own_answer() -> None:
    values = np.random.default_rng(4).random((20, 3))
    before = choose(values, folds=4).of(range(20))
    for query in range(20):
        other = values.copy()
        other[query] = np.roll(other[query], 1) + np.array([0, 5, -5])
        assert choose(other, folds=4).of(range(query, query + 1)) == before[query]


def test_equal_means_choose_the_first_and_another_seed_other_folds() -> None:
    assert choose(np.ones((6, 3))).of(range(2)).tolist() == [0, 0]
    assert choose(np.array([[0.1, 0.3], [0.3, 0.1]])).chosen.tolist() == [0]
    folds = [choose(np.ones((40, 2)), folds=4, seed=seed).fold for seed in (0, 0, 1)]
    assert (folds[0] == folds[1]).all() and (folds[0] != folds[2]).any()


def test_no_judged_query_is_refused() -> None:
    with pytest.raises(UserError, match="no judged query"):
        choose(np.full((4, 2), np.nan))
    with pytest.raises(UserError, match="no judged query"):
        choose(np.array([[1.0, 0.0], [np.nan, np.nan]]), folds=2)


def test_each_query_gets_the_row_of_its_candidate() -> None:
    runs = [Run.top(np.random.default_rng(seed).normal(size=(9, 12)), depth) for seed, depth in ((1, 5), (2, 3))]
    values = np.random.default_rng(5).random((9, 2))
    stage = STAGES["tune/best"](folds=3, seed=1)
    found = stage.open(Runtime(), Scores(values[:, 0]), Scores(values[:, 1]))(*runs)
    which = choose(values, 3, 1).of(range(9))
    for query, candidate in enumerate(which):
        row = found.documents[query]
        assert row[row != NONE].tolist() == runs[candidate].documents[query].tolist()


def test_a_suite_with_folds_says_what_was_chosen(write_suite: Callable[..., Path], tmp_path: Path) -> None:
    results = run(
        write_suite(FOLDS), results=tmp_path / "results", store=tmp_path / "store", reports=tmp_path / "reports"
    )
    (said,) = results.run["tuned"]
    assert said["candidates"] == [{"k": 1.0}, {"k": 60.0}]
    assert (said["system"], said["on"], said["folds"], said["measure"]) == ("both", "toy", 3, "nDCG@10")
    assert [one["fold"] for one in said["chosen"]] == [1, 2, 3] and {one["queries"] for one in said["chosen"]} == {8}
    assert "## Tuned parameters" in next((tmp_path / "reports").rglob("report.md")).read_text()
    assert results.run["status"] == "complete"


@pytest.fixture
def two_sets(tmp_path: Path) -> Callable[[int], Path]:
    """Write a suite that tunes on one collection, of the given seed, and tests on another."""

    def write(seed: int) -> Path:
        write_collection(tmp_path / "train", seed=seed)
        write_collection(tmp_path / "test", seed=7)
        path = tmp_path / "suite.yaml"
        path.write_text(
            "name: toy\ndatasets:\n  train: {source: beir, path: train}\n  test: {source: beir, path: test}\n"
            f"measures: [nDCG@10]\ndepth: 20\nsystems:\n{TRAIN}"
        )
        return path

    return write


def test_a_training_set_chooses_and_is_not_reported(two_sets: Callable[[int], Path], tmp_path: Path) -> None:
    suite = two_sets(8)
    results = run(suite, results=tmp_path / "results", store=tmp_path / "store")
    assert results.datasets == ["test"]
    (said,) = results.run["tuned"]
    assert said["on"] == "train" and said["folds"] is None and len(said["chosen"]) == 1
    suite.write_text(suite.read_text().replace("datasets:\n  train: {source: beir, path: train}\n", "datasets:\n"))
    suite.write_text(suite.read_text().replace("path: test", "path: train").replace(TRAIN, ARMS))
    alone = run(suite, results=tmp_path / "alone", store=tmp_path / "store")
    best = max(("bm25", "dense"), key=lambda name: alone.value("test", name, "nDCG@10") or 0)
    assert said["chosen"][0]["candidate"]["weights"] == ([1, 0] if best == "bm25" else [0, 1])


def test_the_same_queries_are_refused(two_sets: Callable[[int], Path], tmp_path: Path) -> None:
    suite = two_sets(7)
    with pytest.raises(SuiteError, match=r"12 of the 12 queries of 'test', such as 'q000', are also in 'train'"):
        run(suite, results=tmp_path / "results", store=tmp_path / "store")
    file = tmp_path / "train" / "queries.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    again = lines[0]["text"].upper() + " "
    for place, line in enumerate(lines):
        line["text"] = again if place == 5 else f"{place} of another kind"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    corpus = tmp_path / "train" / "corpus.jsonl"
    with pytest.raises(SuiteError, match="12 of the 12 queries"):  # by id: the documents are the same
        run(suite, results=tmp_path / "results", store=tmp_path / "store")
    corpus.write_text(corpus.read_text().replace("Note 0", "Another 0"))
    with pytest.raises(SuiteError, match="1 of the 12 queries"):  # by text
        run(suite, results=tmp_path / "results", store=tmp_path / "store")


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ("{k: [1, 2], measure: nDCG@10}", "either train: DATASET"),
        ("{k: [1, 2], folds: 3, train: toy, measure: nDCG@10}", "either train: DATASET"),
        ("{k: 1, folds: 3, measure: nDCG@10}", "expected a list of values"),
        ("{k: [1], folds: 3, measure: nDCG@10}", "nothing to choose from"),
        ("{kk: [1, 2], folds: 3, measure: nDCG@10}", "has no setting 'kk'; did you mean 'k'"),
        ("{k: [1, -2], folds: 3, measure: nDCG@10}", "greater than or equal to 0"),
        ("{k: [1, 2], folds: 1, measure: nDCG@10}", "tune.folds"),
        ("{k: [1, 2], folds: 3}", "tune.measure: Field required"),
        ("{k: [1, 2], folds: 3, measure: nDGC@10}", "did you mean"),
        ("{k: [1, 2], folds: 3, measure: R@500}", "needs a run of depth 500"),
        ("{k: [1, 2], train: toys, measure: nDCG@10}", "no data set 'toys'; did you mean 'toy'"),
        ("{k: [1, 2], folds: 3, measure: nDCG@10}, k: 3", "is set both inside and outside 'tune'"),
        ("3", "tune"),
    ],
)
def test_wrong_words_are_said(write_suite: Callable[..., Path], tune: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        load_suite(write_suite(f"{ARMS}  both: [{{fuse: rrf, of: [bm25, dense], tune: {tune}}}]\n"))


@pytest.mark.parametrize(
    ("systems", "message"),
    [
        (TRAIN.replace("train: train", "train: toy"), "no system of the suite is left to run; for tuning only: 'toy'"),
        (
            FOLDS + "  more: [{fuse: rrf, of: [both, dense], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}]\n",
            "'both' is tuned itself",
        ),
    ],
)
def test_wrong_wiring_is_refused(write_suite: Callable[..., Path], tmp_path: Path, systems: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        prepare_plan(write_suite(systems), None, None, tmp_path / "store", "cpu", fetch=True)
