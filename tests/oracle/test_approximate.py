"""Approximate indexes against brute force, against faiss's own functions, and under many duplicates and ties."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import MissingLibrary, UserError
from harness.execute.threads import thread_pools
from harness.registry import STAGES
from harness.search import approximate as shared
from harness.search.faiss_index import ENGINE
from harness.search.similarity import Similarity, prepared
from harness.stage import Runtime

faiss = pytest.importorskip("faiss")
SIMILARITIES: list[Similarity] = ["cosine", "dot", "euclidean"]
INDEXES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "hnsw": ("hnsw", {}, {}),
    "usearch": ("hnsw", {"engine": "usearch"}, {}),
    "ivf": ("ivf", {"nlist": 8}, {"nprobe": 3}),
    "ivfpq": ("ivfpq", {"nlist": 4, "m": 4, "nbits": 4}, {"nprobe": 2}),
    "sq8": ("sq8", {}, {}),
    "binary": ("binary", {}, {}),
    "binary-query": ("binary", {}, {"rescore": "query"}),
    "binary-full": ("binary", {"keep_vectors": True}, {"rescore": "full"}),
}


def normal(rows: int, dimensions: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)


def make(name: str, similarity: Similarity, documents: np.ndarray, **more: Any) -> Any:
    word, build, _ = INDEXES[name]
    if name == "usearch":
        pytest.importorskip("usearch")
    return STAGES[f"index/{word}"](similarity=similarity, **build, **more).open(Runtime())(Vectors(documents))


def ask(name: str, index: Any, queries: np.ndarray, depth: int, device: str = "cpu", **more: Any) -> Run:
    word, _, search = INDEXES[name]
    run: Run = STAGES[f"search/{word}"](depth=depth, **(search | more)).open(Runtime(device), index)(Vectors(queries))
    return run


def brute(documents: np.ndarray, queries: np.ndarray, similarity: Similarity, depth: int) -> Run:
    d, q = (array.astype(np.float64) for array in (documents, queries))
    if similarity == "euclidean":
        return Run.top(np.stack([-np.sqrt(((d - row) ** 2).sum(axis=1)) for row in q]), depth)
    return Run.top(q @ d.T, depth)


def same(one: Run, other: Run) -> None:
    np.testing.assert_array_equal(one.documents, other.documents)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", ["hnsw", "usearch", "ivf", "binary-full"])
def test_what_looks_at_everything_is_exact(name: str, similarity: Similarity) -> None:
    documents, queries = normal(300), normal(20, seed=1)
    wide = {"hnsw": {"efSearch": 300}, "ivf": {"nprobe": 8}, "binary": {"candidates": 300}}[INDEXES[name][0]]
    found = ask(name, make(name, similarity, documents), queries, 30, **wide)
    same(found, brute(prepared(documents, similarity), prepared(queries, similarity), similarity, 30))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_ivf_ranks_exactly_what_lies_in_the_lists_it_reads(similarity: Similarity) -> None:
    documents, queries = normal(500), normal(15, seed=2)
    index = make("ivf", similarity, documents)
    lists = faiss.deserialize_index(np.asarray(index.arrays[ENGINE]))
    d, q = prepared(documents, similarity), prepared(queries, similarity)
    _, near = lists.quantizer.search(q, 3)
    _, home = lists.quantizer.search(d, 1)
    run = ask("ivf", index, queries, 20)
    for row in range(len(q)):
        inside = np.flatnonzero(np.isin(home[:, 0], near[row]))
        best = inside[brute(d[inside], q[row : row + 1], similarity, 20).documents[0]]
        assert run.documents[row].tolist() == best.tolist()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", ["sq8", "ivfpq", "hnsw", "ivf"])
def test_finds_what_faiss_itself_finds(name: str, similarity: Similarity) -> None:
    """In faiss's order scores that are equal but for rounding may change places, so the scores are compared."""
    documents, queries = normal(400), normal(10, seed=3)
    index = make(name, similarity, documents)
    held = faiss.deserialize_index(np.asarray(index.arrays[ENGINE]))
    if name in ("ivf", "ivfpq"):
        held.nprobe = INDEXES[name][2]["nprobe"]
    asked = prepared(queries, similarity)
    parameters = faiss.SearchParametersHNSW(efSearch=64) if name == "hnsw" else None
    distances, _ = held.search(asked, 10, params=parameters)
    theirs = -np.sqrt(np.maximum(distances, 0)) if similarity == "euclidean" else distances
    np.testing.assert_allclose(ask(name, index, queries, 10).scores, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_sq8_ranks_what_its_codes_stand_for(similarity: Similarity) -> None:
    documents, queries = normal(300), normal(9, seed=4)
    array = prepared(documents, similarity)
    low, width = array.min(axis=0), array.max(axis=0) - array.min(axis=0)
    codes = np.floor((array - low) / width * 255).clip(0, 255)
    run = ask("sq8", make("sq8", similarity, documents), queries, 12)
    decoded = (low + (codes + 0.5) / 255 * width).astype(np.float32)
    expected = brute(decoded, prepared(queries, similarity), similarity, 12)
    np.testing.assert_allclose(run.scores, expected.scores, atol=2e-2)
    assert (run.documents == expected.documents).mean() > 0.9, "the steps at their edges may be rounded otherwise"


@pytest.mark.parametrize("rescore", [None, "query"])
def test_binary_by_hand(rescore: str | None) -> None:
    documents, queries = normal(200, 20), normal(8, 20, seed=5)
    name = "binary-query" if rescore else "binary"
    run = ask(name, make(name, "dot", documents), queries, 15, candidates=40)
    d, q = np.sign(documents), np.sign(queries)
    first = Run.top((d[None] * q[:, None]).sum(axis=2) / 20, 40 if rescore else 15)
    if rescore is None:
        same(run, first)
        return
    again = np.stack([(d[found] * asked).sum(axis=1) for found, asked in zip(first.documents, queries, strict=True)])
    same(run, Run.top(again / np.sqrt(20), 15, documents=first.documents))


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", list(INDEXES))
def test_duplicates_do_not_make_the_top_depend_on_the_depth(name: str, similarity: Similarity) -> None:
    documents, queries = np.tile(normal(40), (60, 1)), normal(12, seed=6)
    index = make(name, similarity, documents)
    deep = ask(name, index, queries, 50)
    for depth in (5, 10):
        np.testing.assert_array_equal(ask(name, index, queries, depth).documents, deep.documents[:, :depth])
    if name != "ivfpq" and "binary" not in name:  # there other vectors have the same code
        assert (deep.documents % 40 == deep.documents[:, :1] % 40).all(), "copies of the nearest stand together"
        assert (np.diff(deep.documents) < 0).all(), "and the last of them first"


@pytest.mark.parametrize("name", list(INDEXES))
def test_all_vectors_alike(name: str) -> None:
    documents = np.ones((700, 16), np.float32)
    run = ask(name, make(name, "cosine", documents), documents[:2], 5)
    assert run.documents.tolist() == [[699, 698, 697, 696, 695]] * 2


@pytest.mark.parametrize("name", list(INDEXES))
def test_the_first_places_do_not_depend_on_the_depth_nor_on_the_batch(name: str) -> None:
    documents, queries = normal(1500), normal(130, seed=7)
    index = make(name, "cosine", documents)
    deep = ask(name, index, queries, 50)
    np.testing.assert_array_equal(ask(name, index, queries, 5).documents, deep.documents[:, :5])
    word, _, search = INDEXES[name]
    opened = STAGES[f"search/{word}"](depth=50, **search).open(Runtime(), index)
    alone = Run.join([opened(Vectors(queries[i : i + 1], range(i, i + 1))) for i in range(30)])
    np.testing.assert_array_equal(alone.documents, deep.documents[:30])
    np.testing.assert_array_equal(alone.scores, deep.scores[:30])


def test_the_border_is_asked_for_again_until_it_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SPARE", 1)
    rng = np.random.default_rng(8)
    documents = rng.integers(-1, 2, (600, 4)).astype(np.float32)
    queries = rng.integers(-1, 2, (20, 4)).astype(np.float32)
    run = ask("ivf", make("ivf", "dot", documents), queries, 7, nprobe=8)
    same(run, brute(documents, queries, "dot", 7))


@pytest.mark.parametrize("name", list(INDEXES))
def test_the_same_bits_twice_whatever_the_threads(name: str) -> None:
    word, build, _ = INDEXES[name]
    if name == "usearch":
        pytest.importorskip("usearch")
    stage, documents = STAGES[f"index/{word}"](**build), normal(3000)
    indexes = []
    for threads in (1, 2):
        with thread_pools(threads):
            indexes.append(stage.open(Runtime(threads=threads))(Vectors(documents)))
    one, other = indexes
    for key, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[key])


def test_seed_and_search_settings_name_what_they_change() -> None:
    recipe = STAGES["index/ivf"]().recipe["settings"]
    assert recipe["seed"] == 0 and "nprobe" not in recipe
    assert "efSearch" not in STAGES["index/hnsw"]().recipe["settings"]
    assert STAGES["search/hnsw"](depth=5).recipe["settings"] == {"depth": 5, "efSearch": 64}
    first, second = (
        STAGES["index/ivf"](nlist=8, seed=seed).open(Runtime())(Vectors(normal(300))).arrays[ENGINE] for seed in (0, 1)
    )
    assert len(first) != len(second) or (first != second).any()


@pytest.mark.parametrize("name", ["hnsw", "usearch", "sq8", "binary", "binary-full"])
@pytest.mark.parametrize(("documents", "queries"), [(0, 3), (5, 0), (1, 1)])
def test_few_or_none(name: str, documents: int, queries: int) -> None:
    run = ask(name, make(name, "cosine", normal(documents)), normal(queries), 10)
    assert run.documents.shape == (queries, min(documents, 10) if queries else 0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="at least 8 vectors for training, found 5"):
        make("ivf", "cosine", normal(5))
    with pytest.raises(UserError, match="m: 5 does not divide the 16 dimensions"):
        STAGES["index/ivfpq"](nlist=2, m=5, nbits=4).open(Runtime())(Vectors(normal(50)))
    bad = normal(50)
    bad[7, 0] = np.inf
    for name in INDEXES:
        with pytest.raises(UserError, match="row 7 is not finite"):
            make(name, "dot", bad)
        index = make(name, "dot", normal(50))
        with pytest.raises(UserError, match="the queries have 3 dimensions, but the documents 16"):
            ask(name, index, normal(2, 3), 5)
        with pytest.raises(UserError, match="query is not finite"):
            ask(name, index, bad, 5)
    with pytest.raises(UserError, match="needs an index built with 'keep_vectors: true'"):
        ask("binary", make("binary", "dot", normal(50)), normal(2), 5, rescore="full")


@pytest.mark.parametrize(
    ("library", "name", "extra"), [("faiss", "ivf", "cpu"), ("usearch.index", "usearch", "usearch")]
)
def test_a_library_that_is_missing_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, library: str, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    word, build, _ = INDEXES[name]
    with pytest.raises(MissingLibrary, match=rf"index: {word}.*retrieval-harness\[{extra}\]"):
        STAGES[f"index/{word}"](**build).open(Runtime())(Vectors(normal(50)))


@pytest.mark.parametrize("name", ["ivf", "ivfpq"])
def test_a_gpu_without_faiss_for_gpus_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(MissingLibrary, match=rf"'search: {name}' on cuda.*\[gpu\]"):
        ask(name, make(name, "cosine", normal(300)), normal(2), 5, device="cuda")


@pytest.mark.parametrize("name", ["ivf", "ivfpq"])
def test_a_gpu_is_asked_where_there_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy to the GPU is a stand-in: what is held here is that it is searched, and that the answer is the same."""
    index, queries = make(name, "euclidean", normal(300)), normal(4, seed=9)
    searched = []

    class There:
        def __init__(self, lists: Any) -> None:
            self.lists = lists

        def search(self, asked: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
            searched.append(wanted)
            found: tuple[np.ndarray, np.ndarray] = self.lists.search(asked, wanted)
            return found

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: None, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", lambda _, number, lists: There(lists), raising=False)
    same(ask(name, index, queries, 5, device="cuda"), ask(name, index, queries, 5))
    assert searched


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", ["sq8", "binary", "binary-query", "binary-full"])
def test_torch_gives_the_same_run(name: str, similarity: Similarity, monkeypatch: pytest.MonkeyPatch) -> None:
    documents, queries = np.tile(normal(200), (3, 1)), normal(10, seed=10)
    index = make(name, similarity, documents)
    here = ask(name, index, queries, 20, candidates=50) if "binary" in name else ask(name, index, queries, 20)
    module = sys.modules[STAGES[f"search/{INDEXES[name][0]}"].__module__]
    from harness.search.similarity import DeviceProducts

    monkeypatch.setattr(module, "on_device", lambda documents, device, *_: DeviceProducts(documents, "cpu"))
    more = {"candidates": 50} if "binary" in name else {}
    there = ask(name, index, queries, 20, device="cuda", **more)
    np.testing.assert_array_equal(there.documents, here.documents)
    np.testing.assert_array_equal(there.scores, here.scores)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["ivf", "ivfpq", "sq8", "binary"])
def test_on_a_gpu(name: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    if name in ("ivf", "ivfpq") and not faiss.get_num_gpus():
        pytest.skip("this faiss knows no GPU")
    index, queries = make(name, "cosine", normal(500)), normal(10, seed=11)
    same(ask(name, index, queries, 10, device="cuda"), ask(name, index, queries, 10))


def test_index_recall_by_hand() -> None:
    ideal = Run(np.array([[1, 2, 3, 4], [1, 2, NONE, NONE], [NONE] * 4], np.int32), np.zeros((3, 4), np.float32))
    run = Run(np.array([[3, 1, 9, 2], [2, 8, NONE, NONE], [5, NONE, NONE, NONE]], np.int32), np.zeros((3, 4)))
    score = STAGES["score/index_recall"](k=3).open(Runtime(), ideal)
    assert score(run).values.tolist() == [pytest.approx(2 / 3), 0.5, 1.0]
    assert score(run.take(slice(1, 2))).values.tolist() == [0.5]
