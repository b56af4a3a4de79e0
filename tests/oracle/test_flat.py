"""Exact search against brute force in float64, under every kind of tie, in every order of work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.registry import STAGES
from harness.search import exact as neighbours
from harness.search.exact import nearest
from harness.search.similarity import DeviceProducts, Documents, Similarity, prepared
from harness.stage import Runtime
from harness.stages.index.flat import FlatIndexer, FlatSearcher

SIMILARITIES: list[Similarity] = ["cosine", "dot", "euclidean"]
NAMED = STAGES["index/flat"], STAGES["search/flat"]  # a class learns its name when it is asked for


def normal(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)


def ask(documents: np.ndarray, queries: np.ndarray, similarity: Similarity, depth: int) -> Run:
    index = FlatIndexer(similarity=similarity).open(Runtime())(Vectors(documents))
    return FlatSearcher(depth=depth).open(Runtime(), index)(Vectors(queries))


def brute_force(documents: np.ndarray, queries: np.ndarray, similarity: Similarity, depth: int) -> Run:
    d, q = (prepared(array, similarity).astype(np.float64) for array in (documents, queries))
    if similarity == "euclidean":
        scores = np.stack([-np.sqrt(((d - row) ** 2).sum(axis=1)) for row in q])
    else:
        scores = np.stack([(d * row).sum(axis=1) for row in q])
    return Run.top(scores, depth)


def same(one: Run, other: Run) -> None:
    np.testing.assert_array_equal(one.documents, other.documents)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-6, atol=1e-7)


@pytest.fixture(params=[False, True], ids=["roomy", "cramped"])
def cramped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in blocks so small that every border is crossed."""
    if request.param:
        settings = {"QUERIES": 3, "SCORES": 30, "SAMPLE": 8, "CROWD": 4, "COORDINATES": 40}
        for name, value in settings.items():
            monkeypatch.setattr(neighbours, name, value)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("depth", [1, 7, 60, 500])
def test_equals_brute_force(similarity: Similarity, depth: int, cramped: None) -> None:
    documents, queries = normal(300, 16), normal(11, 16, seed=1)
    documents *= np.random.default_rng(2).uniform(0.1, 5, (300, 1)).astype(np.float32)
    same(ask(documents, queries, similarity, depth), brute_force(documents, queries, similarity, depth))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equals_brute_force_among_many_ties(similarity: Similarity, cramped: None) -> None:
    rng = np.random.default_rng(3)
    documents = rng.integers(-1, 2, (400, 4)).astype(np.float32)
    queries = rng.integers(-1, 2, (20, 4)).astype(np.float32)
    for depth in (1, 5, 50):
        same(ask(documents, queries, similarity, depth), brute_force(documents, queries, similarity, depth))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_duplicates_do_not_make_the_top_depend_on_the_depth(similarity: Similarity, cramped: None) -> None:
    documents = np.tile(normal(40, 24), (10, 1))
    queries = normal(32, 24, seed=4)
    deep = ask(documents, queries, similarity, 50)
    for depth in (1, 5, 20):
        np.testing.assert_array_equal(ask(documents, queries, similarity, depth).documents, deep.documents[:, :depth])
    first = deep.documents[:, :10] % 40
    assert (first == first[:, :1]).all(), "ten copies of the nearest stand together"


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_batch_does_not_reach_the_ranking(similarity: Similarity) -> None:
    documents, queries = normal(3000, 96) * 0.02 + 1, normal(64, 96, seed=5) * 0.02 + 1  # a narrow band of scores
    index = FlatIndexer(similarity=similarity).open(Runtime())(Vectors(documents))
    search = FlatSearcher(depth=100).open(Runtime(), index)
    whole = search(Vectors(queries))
    alone = Run.join([search(Vectors(queries[i : i + 1], range(i, i + 1))) for i in range(64)])
    np.testing.assert_array_equal(whole.documents, alone.documents)
    np.testing.assert_array_equal(whole.scores, alone.scores)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["a small block", "a large one"])
def test_other_devices_give_the_same_run(similarity: Similarity, device: str) -> None:
    documents, queries = normal(9000, 32), normal(10, 32, seed=6)
    index = FlatIndexer(similarity=similarity).open(Runtime())(Vectors(documents))
    opened = Documents.of(index)
    asked = prepared(queries, similarity)
    by_torch = nearest(DeviceProducts(opened, device), asked, 20, range(10))
    same(by_torch, FlatSearcher(depth=20).open(Runtime(), index)(Vectors(queries)))


def test_a_device_with_little_memory_gives_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    documents, queries = normal(20_000, 16), normal(10, 16, seed=7)
    index = FlatIndexer().open(Runtime())(Vectors(documents))
    asked, steps = prepared(queries, "cosine"), []

    class Small(DeviceProducts):
        def put(self, array: np.ndarray) -> Any:
            if array.size > 16 * 5000:
                raise torch.cuda.OutOfMemoryError
            return super().put(array)

        def times(self, queries: np.ndarray, part: slice) -> Any:
            steps.append(part.stop - part.start)
            return super().times(queries, part)

    products = Small(Documents.of(index), "cpu:0")
    assert products.vectors is None
    same(nearest(products, asked, 20, range(10)), FlatSearcher(depth=20).open(Runtime(), index)(Vectors(queries)))
    assert steps[0] > 20_000 > 5000 > steps[-1]
    monkeypatch.setattr(neighbours, "SAMPLE", 6000)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        nearest(products, asked, 20, range(10))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_zero_vectors_tie_and_give_no_nan(similarity: Similarity, cramped: None) -> None:
    documents = np.zeros((50, 8), np.float32)
    run = ask(documents, np.zeros((2, 8), np.float32), similarity, 5)
    assert run.documents.tolist() == [[49, 48, 47, 46, 45]] * 2
    assert (run.scores == 0).all()


@pytest.mark.parametrize(("documents", "queries"), [(0, 3), (5, 0), (0, 0), (1, 1)])
def test_few_or_none(documents: int, queries: int) -> None:
    run = ask(normal(documents, 4), normal(queries, 4), "cosine", 10)
    assert len(run) == queries
    assert not queries or run.documents.shape[1] == min(documents, 10)


def test_the_index_does_not_share_the_callers_array() -> None:
    array = normal(5, 4)
    index = FlatIndexer(similarity="cosine").open(Runtime())(Vectors(array))
    lengths = np.linalg.norm(index.arrays["vectors"], axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)
    np.testing.assert_array_equal(array, normal(5, 4))


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(UserError, match="the queries have 3 dimensions, but the documents 4"):
        ask(normal(5, 4), normal(1, 3), "cosine", 2)
    bad = normal(5, 4)
    bad[2, 1] = np.nan
    with pytest.raises(UserError, match="row 2 is not finite"):
        ask(bad, normal(1, 4), "dot", 2)
    with pytest.raises(UserError, match="query is not finite"):
        ask(normal(5, 4), bad, "dot", 2)
