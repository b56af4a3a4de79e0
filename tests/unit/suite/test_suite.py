"""Every mistake in a suite gets one sentence with file, line, column and the nearest right word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import SuiteError
from harness.plan import make_plan
from harness.plan.leaves import find_leaves
from harness.store import Store
from harness.suite import Suite, load_suite

Write = Callable[..., Path]


def test_a_good_suite_says_what_it_means(write_suite: Write) -> None:
    suite = load_suite(write_suite())
    assert list(suite.systems) == ["bm25", "tfidf", "dense-64", "dense-32", "hybrid"]
    assert suite.measures == ("nDCG@10", "R@20")
    assert suite.systems["hybrid"].depth == 20


def test_comments_and_layout_do_not_change_the_fingerprint(write_suite: Write) -> None:
    path = write_suite()
    before = load_suite(path).fingerprint
    path.write_text("# a remark\n" + path.read_text())
    assert load_suite(path).fingerprint == before


WRONG = {
    "unknown word": ("datasts: 1", "did you mean 'datasets'?"),
    "missing word": ("name: x\ndatasets: {a: {source: beir, path: .}}\nmeasures: [RR@10]", "'systems' is missing"),
    "not yaml": ("name: [", "invalid YAML"),
    "key twice": ("name: a\nname: b", "duplicate key 'name' (first used at "),
    "not a mapping": ("- a", "a suite is a mapping"),
    "empty": ("", "the file is empty"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_at_the_top(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as error:
        load_suite(path)
    assert message in str(error.value)
    assert str(error.value).count("wrong.yaml") >= 1


SYSTEMS = {
    "role": ("  a: [{idx: bm25}]", 8, "did you mean 'index'?"),
    "word": ("  a: [{index: bm52}]", 8, "did you mean 'bm25'?"),
    "setting": ("  a: [{index: bm25, k2: 1}]", 8, "did you mean 'k1'?"),
    "value": ("  a: [{index: bm25, k1: high}]", 8, "found 'high'"),
    "similarity": ("  a: [{encode: hashing, dim: 8}, {index: flat, similarity: cosinus}]", 8, "cosinus"),
    "needs a setting": (
        "  a: [{encode: hashing, dim: 8}, {reduce: truncate}, {index: bm25}]",
        8,
        "needs the setting 'dim'",
    ),
    "no model": ("  a: [{encode: dense}, {index: flat, similarity: dot}]", 8, "needs a model"),
    "unknown model": ("  a: [{encode: dense, model: x}, {index: flat, similarity: dot}]", 8, "no model 'x'"),
    "model is no word": ("  a: [{encode: dense, model: [x]}, {index: flat}]", 8, "no model ['x']"),
    "model on bm25": ("  a: [{index: bm25, model: x}]", 8, "has no setting 'model'|takes no model"),
    "unknown system": ("  a: [{index: bm25}]\n  b: [{from: aa}]", 9, "did you mean 'a'?"),
    "unknown in of": ("  a: [{index: bm25}]\n  b: [{fuse: rrf, of: [a, c]}]", 9, "no system 'c'"),
    "of is missing": ("  a: [{fuse: rrf}]", 8, "needs the list of the systems it joins"),
    "infinite": ("  a: [{index: bm25, k1: .inf}]", 8, "finite number"),
    "depth is tried": (
        "  a: [{index: bm25}]\n  b: [{fuse: rrf, of: [a], tune: {depth: [20, 5], folds: 2, measure: nDCG@10}}]",
        9,
        "depth cannot be tuned",
    ),
    "of is no list": ("  a: [{index: bm25}]\n  b: [{fuse: rrf, of: a}]", 9, "of: [a, b], found 'a'"),
    "circle": ("  a: [{from: b}]\n  b: [{from: a}]", 8, "the system 'a' is built from itself: a → b → a"),
    "matrix word": ('  "a-{x}": {matrix: {x: [1]}, stages: [{index: bm25, k1: "{y}"}]}', 8, "the matrix has no 'y'"),
    "matrix name": ('  a: {matrix: {x: [1]}, stages: [{index: bm25, k1: "{x}"}]}', 8, "must contain '{x}'"),
    "not a list": ("  a: {index: bm25}", 8, "a system is a list of stages"),
    "no mapping": ("  a: [bm25]", 8, "a stage is written as"),
    "too shallow": ("  a: [{index: bm25, depth: 5}]", 5, "needs a run of depth 10, but the system 'a' has depth 5"),
}


@pytest.mark.parametrize(("systems", "line", "message"), SYSTEMS.values(), ids=list(SYSTEMS))
def test_wrong_in_a_system(write_suite: Write, systems: str, line: int, message: str) -> None:
    with pytest.raises(SuiteError) as error:
        load_suite(write_suite(systems, measures="[nDCG@10]"))
    assert error.value.place is not None
    assert error.value.place.line == line, str(error.value)
    assert any(part in str(error.value) for part in message.split("|")), str(error.value)


WIRING = {
    "flat on text": (
        "  a: [{index: flat, similarity: dot}]",
        "'index: flat' takes Vectors or Int8Vectors or BitVectors, not Corpus",
    ),
    "bm25 on vectors": ("  a: [{encode: hashing, dim: 8}, {index: bm25}]", "'index: bm25' takes Corpus, not Vectors"),
    "truncate text": (
        "  a: [{reduce: truncate, dim: 4}, {index: bm25}]",
        "'reduce: truncate' takes Vectors, not Corpus",
    ),
    "no search": ("  a: [{encode: hashing, dim: 8}]", "the system 'a' ends without a search"),
    "encode behind a search": (
        "  a: [{index: bm25}, {encode: hashing}]",
        "'encode: hashing' takes Corpus or Queries, not a Run: put it before the search",
    ),
    "reduce behind a search": (
        "  a: [{encode: hashing}, {index: flat}, {reduce: truncate, dim: 4}]",
        "'reduce: truncate' takes Vectors, not a Run",
    ),
    "chunk behind a search": ("  a: [{index: bm25}, {chunk: sentences}]", "'chunk: sentences' takes Corpus, not a Run"),
    "two searches": ("  a: [{index: bm25}, {index: tfidf}]", "'index: tfidf' takes Corpus, not a Run"),
    "a search behind from": (
        "  a: [{index: bm25}]\n  b: [{from: a}, {index: tfidf}]",
        "'index: tfidf' takes Corpus, not a Run",
    ),
    "encoded twice": (
        "  a: [{encode: hashing}, {encode: hashing, dim: 8}, {index: flat}]",
        "'encode: hashing' takes Corpus or Queries, not Vectors",
    ),
    "from behind a search": (
        "  a: [{index: bm25}]\n  b: [{index: tfidf}, {from: a}]",
        "'from: a' must be the first step of a system",
    ),
    "fuse behind an encoder": (
        "  a: [{index: bm25}]\n  b: [{encode: hashing}, {fuse: rrf, of: [a]}]",
        "must be the first step of a system: it brings its own documents and queries, so the steps before it would ",
    ),
    "fuse behind a chunker": (
        "  a: [{index: bm25}]\n  b: [{chunk: sentences}, {fuse: rrf, of: [a]}]",
        "'fuse: rrf' must be the first step of a system",
    ),
    "weights": (
        "  a: [{index: bm25}]\n  b: [{fuse: rrf, of: [a, a], weights: [1]}]",
        "'fuse: rrf' has 1 weights for 2 systems: give one per system, in the order of 'of'",
    ),
    "weights to try": (
        "  a: [{index: bm25}]\n  b: [{fuse: rrf, of: [a], tune: {weights: [[1], [1, 2]], folds: 2, measure: nDCG@10}}]",
        "'fuse: rrf' has 2 weights for 1 systems",
    ),
    "fuse without runs": (
        "  a: [{encode: hashing, dim: 8}]\n  b: [{fuse: rrf, of: [a]}]",
        "the system 'a' ends without a search|no search comes before it",
    ),
}


def plan_of(suite: Suite, tmp_path: Path) -> None:
    make_plan(suite, find_leaves(suite.datasets, suite.models, suite.base, Store(tmp_path / "store"), fetch=False))


@pytest.mark.parametrize(("systems", "message"), WIRING.values(), ids=list(WIRING))
def test_wrong_wiring_is_refused_before_anything_runs(
    write_suite: Write, tmp_path: Path, systems: str, message: str
) -> None:
    suite = load_suite(write_suite(systems))
    with pytest.raises(SuiteError) as error:
        plan_of(suite, tmp_path)
    assert any(part in str(error.value) for part in message.split("|")), str(error.value)


def test_measures_by_any_common_name_and_the_nearest_word(write_suite: Write) -> None:
    assert load_suite(write_suite(measures="[ndcg@10, mrr@10]")).measures == ("nDCG@10", "RR@10")
    with pytest.raises(SuiteError, match="nDCG@10"):
        load_suite(write_suite(measures="[nDGC@10]"))
    with pytest.raises(SuiteError, match="'nDCG@10' is listed twice"):
        load_suite(write_suite(measures="[nDCG@10, ndcg@10]"))


def test_variables_are_filled_in_and_never_kept(write_suite: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_suite()
    path.write_text(path.read_text().replace("path: toy", "path: '${TOY_FOLDER}'"))
    with pytest.raises(SuiteError, match=r":4:.*TOY_FOLDER is not set"):
        load_suite(path)
    monkeypatch.setenv("TOY_FOLDER", "toy")
    suite = load_suite(path)
    assert str(suite.datasets["toy"].model_dump()["path"]).endswith("toy")
    assert "${TOY_FOLDER}" in suite.text
    assert "${TOY_FOLDER}" in str(suite.words)


def test_expectations_name_what_the_suite_has(write_suite: Write) -> None:
    def expect(entry: str) -> Suite:
        return load_suite(write_suite(head=f"expect: [{entry}]"))

    good = "system: bm25, dataset: toy, ndcg@10: 0.5, within: 0.1, source: here"
    assert expect(f"{{{good}}}").expect[0].measure == "nDCG@10"
    for before, after, message in [
        ("bm25", "bm52", "did you mean 'bm25'?"),
        ("toy", "tay", "did you mean 'toy'?"),
        ("ndcg@10", "RR@10", "the suite has no 'RR@10'"),
        ("source", "sauce", "needs exactly one measure"),
    ]:
        with pytest.raises(SuiteError) as error:
            expect("{" + good.replace(before, after, 1) + "}")
        assert message in str(error.value)


def test_data_sets_are_checked(write_suite: Write) -> None:
    path = write_suite()
    text = path.read_text()
    for before, after, message in [
        ("source: beir", "source: bier", "did you mean 'beir'?"),
        ("split: test", "spilt: test", "did you mean 'split'?"),
        ("source: beir, ", "", "a data set needs a source"),
    ]:
        path.write_text(text.replace(before, after))
        with pytest.raises(SuiteError) as error:
            load_suite(path)
        assert message in str(error.value)
        assert ":4:" in str(error.value)
