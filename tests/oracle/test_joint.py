"""Joint search against loops over all documents, and against the runs it joins at alpha 0 and 1; what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.errors import SuiteError
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Node, Runtime
from harness.stages.fuse.joint import Joint, Normalization, scaled
from harness.store import Store

JOINT = STAGES["fuse/joint"]  # a class learns its name when it is asked for
RUNTIME = Runtime()
WORDS = ["fox", "dog", "cat", "owl", "hen", "red", "blue", "quick"]
SIMILARITIES = ["cosine", "dot", "euclidean"]
ARMS = """
  bm25: [{index: bm25}]
  dense: [{encode: hashing, dim: 64}, {index: flat, similarity: cosine}]
"""
Write = Callable[..., Path]


def texts(kind: type[Any], count: int, length: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return kind.of((f"{i:03}", " ".join(rng.choice(WORDS, rng.integers(0, length)))) for i in range(count))


CORPUS, QUERIES = texts(Corpus, 70, 9, 1), texts(Queries, 15, 4, 2)
DOCUMENTS = Vectors(np.random.default_rng(3).normal(size=(70, 8)).astype(np.float32))
ASKED = Vectors(np.random.default_rng(4).normal(size=(15, 8)).astype(np.float32))


class Arms:
    """BM25 and exact vector search over the same documents."""

    def __init__(self, depth: int, similarity: str = "cosine", **lexical: Any) -> None:
        self.depth = depth
        self.searchers = [STAGES["search/bm25"](depth=depth), STAGES["search/flat"](depth=depth)]
        self.indexes: list[Index] = [
            STAGES["index/bm25"](**lexical).open(RUNTIME)(CORPUS),
            STAGES["index/flat"](similarity=similarity).open(RUNTIME)(DOCUMENTS),
        ]

    def runs(self, depth: int) -> list[Run]:
        deep = [searcher.model_copy(update={"depth": depth}) for searcher in self.searchers]
        pairs = zip(deep, self.indexes, (QUERIES, ASKED), strict=True)
        return [searcher.open(RUNTIME, index)(asked) for searcher, index, asked in pairs]

    def joint(self, **settings: Any) -> Run:
        stage = JOINT(depth=self.depth, **settings).over(self.searchers)
        return stage.open(RUNTIME, *self.indexes)(QUERIES, ASKED)


def rescaled(scores: list[float], how: Normalization) -> list[float]:
    low, high, mean = min(scores), max(scores), sum(scores) / len(scores)
    deviation = (sum((score - mean) ** 2 for score in scores) / len(scores)) ** 0.5
    if how == "minmax":
        return [(score - low) / (high - low) if high > low else 0.0 for score in scores]
    if how == "zscore":
        return [(score - mean) / deviation if deviation > 1e-12 else 0.0 for score in scores]
    return scores


def by_document(run: Run, row: int) -> list[float]:
    """The score of every document, 0 for those that the run lacks: what BM25 gives to a document without the words."""
    held = {
        d: float(s) for d, s in zip(run.documents[row].tolist(), run.scores[row].tolist(), strict=True) if d != NONE
    }
    return [held.get(document, 0.0) for document in range(len(CORPUS))]


@pytest.mark.parametrize("how", get_args(Normalization))
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.95])
def test_equals_a_loop_over_all_documents(how: Normalization, similarity: str, alpha: float) -> None:
    arms = Arms(20, similarity)
    lexical, dense = arms.runs(len(CORPUS))
    found = arms.joint(alpha=alpha, normalization=how)
    for row in range(len(QUERIES)):
        pairs = zip(rescaled(by_document(lexical, row), how), rescaled(by_document(dense, row), how), strict=True)
        total = [(1 - alpha) * one + alpha * other for one, other in pairs]
        order = sorted(range(len(CORPUS)), key=lambda d: (np.float32(total[d]), d), reverse=True)[:20]
        np.testing.assert_allclose(found.scores[row], [total[d] for d in order], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.scores[row], [total[d] for d in found.documents[row]], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("lexical", [{}, {"method": "bm25l"}, {"method": "bm25+"}, {"method": "robertson"}])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("alpha", [0, 1])
def test_at_the_ends_it_is_one_of_the_two(alpha: int, similarity: str, lexical: dict[str, str]) -> None:
    arms = Arms(50, similarity, **lexical)
    alone, joined = arms.runs(50)[alpha], arms.joint(alpha=alpha, normalization="none")
    np.testing.assert_array_equal(joined.documents, alone.documents)
    np.testing.assert_array_equal(joined.scores, alone.scores)
    for how in ("minmax", "zscore"):
        np.testing.assert_array_equal(arms.joint(alpha=alpha, normalization=how).documents, alone.documents)


def test_a_document_deep_in_one_list_is_not_lost() -> None:
    """Cut lists of 5 miss what is good in both and best in none; the joint search does not."""
    arms = Arms(5)
    lexical, dense = arms.runs(5)
    outside = [
        set(row) - set(lexical.documents[i]) - set(dense.documents[i]) for i, row in enumerate(arms.joint().documents)
    ]
    assert any(outside)


def test_equal_scores_are_0_on_every_scale() -> None:
    for how in ("minmax", "zscore"):
        assert (scaled(np.full((2, 3), 0.3, np.float32), how) == 0).all()
    assert scaled(np.empty((0, 3), np.float32), "minmax").shape == (0, 3)
    assert scaled(np.empty((2, 0), np.float32), "zscore").shape == (2, 0)


def lay(suite: Path, folder: Path) -> tuple[Plan, Store]:
    return prepare_plan(suite, None, None, folder / "store", "cpu", fetch=True)


def runs(suite: Path, folder: Path) -> dict[str, Run]:
    plan, store = lay(suite, folder)
    assert not execute(plan, store, RUNTIME, Silent()).failed
    return {target.system: store.load(target.run.fingerprint, Run) for target in plan.targets}


def test_alpha_is_an_axis_of_a_matrix(write_suite: Write, tmp_path: Path) -> None:
    grid = """
  "joint-{alpha}":
    matrix: {alpha: [0, 0.5, 1]}
    stages: [{fuse: joint, of: [bm25, dense], alpha: "{alpha}", normalization: none}]
"""
    found = runs(write_suite(ARMS + grid), tmp_path)
    for alone, joined in (("bm25", "joint-0"), ("dense", "joint-1")):
        np.testing.assert_array_equal(found[alone].documents, found[joined].documents)
        np.testing.assert_array_equal(found[alone].scores, found[joined].scores)
    assert (found["joint-0.5"].documents != found["dense"].documents).any()


def test_it_shares_indexes_and_knows_its_searchers(write_suite: Write, tmp_path: Path) -> None:
    plan, _ = lay(write_suite(ARMS + "  joint: [{fuse: joint, of: [bm25, dense]}]"), tmp_path)
    nodes = {target.system: target.run for target in plan.targets}
    joint = nodes["joint"]
    arms = [nodes["bm25"], nodes["dense"]]
    assert joint.stream == tuple(arm.stream[0] for arm in arms)
    assert joint.static == tuple(arm.static[0] for arm in arms)
    assert isinstance(joint.stage, Joint)
    assert [said["stage"] for said in joint.stage.searchers] == ["search/bm25", "search/flat"]
    newer = [said | {"version": 2} for said in joint.stage.searchers]
    other = Node(joint.stage.model_copy(update={"searchers": tuple(newer)}), joint.stream, joint.static)
    assert other.fingerprint != joint.fingerprint


def test_a_query_does_not_find_itself(write_suite: Write, tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    lines = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()][:12]
    same = [json.dumps({"_id": line["_id"], "text": line["text"]}) for line in lines]
    suite = write_suite(ARMS + "  joint: [{fuse: joint, of: [bm25, dense]}]")
    (folder / "queries.jsonl").write_text("\n".join(same))
    rows = [f"{line['_id']}\td00050\t1" for line in lines]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    suite.write_text(suite.read_text().replace("split: test", "split: test, ignore_identical_ids: true"))
    run = runs(suite, tmp_path)["joint"]
    assert run.documents.shape == (12, 20)
    assert (run.documents != NONE).all()
    assert all(row not in run.documents[row] for row in range(12))


WRONG = {
    "fusion": ("[bm25, rrf]", "'rrf' ends with 'fuse: rrf': name a system that ends with an index"),
    "run file": ("[bm25, theirs]", "'theirs' ends with 'runfile: trec'"),
    "three": ("[bm25, dense, tfidf]", "'fuse: joint' joins two systems, not 3"),
    "one": ("[bm25]", "'fuse: joint' joins two systems, not 1"),
    "the dense one first": ("[dense, bm25]", "needs the lexical system first, of: [lexical, dense]"),
    "not exact": ("[bm25, few]", "'few' only scores those that its 'index: few' finds"),
    "searchers": ("[bm25, dense], searchers: []", "'fuse: joint' has no setting 'searchers'"),
    "alpha": ("[bm25, dense], alpha: 2", "alpha: Input should be less than or equal to 1, found 2"),
}
FEW = """
from typing import ClassVar
from harness.artifacts.vectors import Vectors
from harness.registry import STAGES
from harness.stage import Indexer, Searcher

@STAGES.register("index/few")
class Indexes(Indexer):
    "Of what is never run."
    takes: ClassVar = (Vectors,)

@STAGES.register("search/few")
class Few(Searcher):
    "Finds what it finds."
    takes: ClassVar = (Vectors,)
"""


@pytest.mark.parametrize(("of", "message"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_joined_is_refused(of: str, message: str, write_suite: Write, tmp_path: Path) -> None:
    (tmp_path / "few.py").write_text(FEW)
    (tmp_path / "theirs.trec").write_text("q000 Q0 d00001 1 1.0 x\n")
    others = """
  tfidf: [{index: tfidf}]
  rrf: [{fuse: rrf, of: [bm25, dense]}]
  theirs: [{runfile: theirs.trec}]
  few: [{encode: hashing, dim: 64}, {index: few}]
"""
    suite = write_suite(f"{ARMS}{others}  joint: [{{fuse: joint, of: {of}}}]", head="plugins: [few.py]")
    try:
        with pytest.raises(SuiteError) as error:
            lay(suite, tmp_path)
    finally:
        for name in ("index/few", "search/few"):
            STAGES._items.pop(name, None)
    assert message in str(error.value)
