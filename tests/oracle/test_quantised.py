"""Bytes and bits: against arithmetic by hand, sentence-transformers' own function, and a search in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.run import Run
from harness.artifacts.vectors import BitVectors, Int8Vectors, Table, Vectors
from harness.errors import SuiteError, UserError
from harness.plan import Plan, make_plan
from harness.plan.leaves import find_leaves
from harness.registry import STAGES
from harness.search import exact as neighbours
from harness.search.exact import nearest
from harness.search.similarity import DeviceProducts, Documents, Similarity
from harness.stage import Runtime
from harness.stages.index.flat import FlatIndexer, FlatSearcher
from harness.stages.reduce.binary import Binary
from harness.stages.reduce.int8 import Int8
from harness.store import Store
from harness.suite import load_suite
from tests.conftest import write_collection

NAMED = [STAGES[name] for name in ("reduce/int8", "reduce/binary", "index/flat", "search/flat")]
"""A class learns its name when it is asked for."""


def normal(rows: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimensions), dtype=np.float32)


def int8(array: np.ndarray, fitted_on: np.ndarray | None = None) -> Int8Vectors:
    return Int8().open(Runtime(), Vectors(array if fitted_on is None else fitted_on))(Vectors(array))


def bits(array: np.ndarray) -> BitVectors:
    return Binary().open(Runtime())(Vectors(array))


def ask(documents: Table, queries: Table, similarity: Similarity, depth: int) -> Run:
    index = FlatIndexer(similarity=similarity).open(Runtime())(documents)
    return FlatSearcher(depth=depth).open(Runtime(), index)(queries)


def test_int8_by_hand() -> None:
    array = np.array([[64, -32, 12.5], [0, 100, -127]], np.float32) / 64  # one step is 1 / 64
    reduced = int8(array)
    assert reduced.array.tolist() == [[64, -32, 12], [0, 100, -127]]  # 12.5 is rounded to even
    assert reduced.array.dtype == np.int8
    assert int8(np.array([[9, -9, 1 / 64]], np.float32), array).array.tolist() == [[127, -127, 1]]
    assert int8(np.zeros((2, 3), np.float32)).array.tolist() == [[0] * 3] * 2


def test_int8_keeps_dot_products_in_proportion() -> None:
    documents, queries = normal(500, 64), normal(20, 64, seed=1)
    step = np.abs(documents).max() / 127
    exact = queries @ documents.T
    found = queries @ int8(documents).array.astype(np.float32).T * step
    np.testing.assert_allclose(found, exact, atol=step / 2 * np.abs(queries).sum(axis=1).max())
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.999


def test_bits_are_those_of_sentence_transformers() -> None:
    from sentence_transformers.util.quantization import quantize_embeddings

    array = normal(50, 64)
    array[3] = 0
    np.testing.assert_array_equal(bits(array).array, quantize_embeddings(array, precision="ubinary"))


@pytest.mark.parametrize(("dimensions", "kind", "size"), [(384, "int8", 384), (384, "binary", 48), (64, "binary", 8)])
def test_a_vector_takes_as_many_bytes_as_its_name_says(dimensions: int, kind: str, size: int, tmp_path: Path) -> None:
    array = normal(100, dimensions)
    reduced: Table = int8(array) if kind == "int8" else bits(array)
    assert array.nbytes == 100 * 4 * dimensions
    assert reduced.array.nbytes == 100 * size
    reduced.save(tmp_path)
    assert (tmp_path / "vectors.npy").stat().st_size == 100 * size + 128, "the header of a .npy file takes 128 bytes"
    index = FlatIndexer(similarity="cosine").open(Runtime())(reduced)
    lengths = 4 if kind == "int8" else 0
    assert sum(held.nbytes for held in index.arrays.values()) == 100 * (size + lengths)


@pytest.fixture(params=[False, True], ids=["roomy", "cramped"])
def cramped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in blocks so small that every border is crossed."""
    if request.param:
        settings = {"QUERIES": 3, "SCORES": 30, "SAMPLE": 8, "CROWD": 4, "COORDINATES": 40, "CONVERTED": 100}
        for name, value in settings.items():
            monkeypatch.setattr(neighbours, name, value)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("kind", ["int8", "binary"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_search_is_that_of_float64(similarity: Similarity, kind: str, symmetric: bool, cramped: None) -> None:
    documents, queries = normal(300, 24), normal(7, 24, seed=1)
    documents[5] = 0
    held: Table = int8(documents) if kind == "int8" else bits(documents)
    asked: Table = Vectors(queries)
    if symmetric:
        asked = int8(queries, documents) if kind == "int8" else bits(queries)
    found = ask(held, asked, similarity, 50)

    def plain(table: Table) -> np.ndarray:
        array = np.unpackbits(table.array, axis=1) * 2.0 - 1 if isinstance(table, BitVectors) else table.array
        lengths = np.linalg.norm(array.astype(np.float64), axis=1, keepdims=True)
        return array / np.maximum(lengths, 1e-30) if similarity == "cosine" else array.astype(np.float64)

    scores = plain(asked) @ plain(held).T
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :50], rtol=1e-5, atol=1e-6)
    rows = np.arange(len(queries))[:, None]
    np.testing.assert_allclose(found.scores, scores[rows, found.documents], rtol=1e-5, atol=1e-6)
    shallow = ask(held, asked, similarity, 5)
    np.testing.assert_array_equal(shallow.documents, found.documents[:, :5])


def test_bits_against_bits_rank_by_hamming_distance_and_tie_with_it() -> None:
    documents, queries = normal(300, 384), normal(9, 384, seed=2)
    found = ask(bits(documents), bits(queries), "cosine", 300)
    distances = ((documents > 0)[None] != (queries > 0)[:, None]).sum(axis=2)
    expected = Run.top(-distances.astype(np.float32), 300)
    np.testing.assert_array_equal(found.documents, expected.documents)
    np.testing.assert_allclose(found.scores, 1 + 2 * expected.scores / 384, atol=1e-6)


@pytest.mark.parametrize("reduce", [int8, bits])
def test_neither_the_batch_nor_the_device_reaches_the_ranking(reduce: type) -> None:
    held, queries = reduce(normal(2000, 96) * 0.02 + 0.01), normal(40, 96, seed=5)
    index = FlatIndexer(similarity="cosine").open(Runtime())(held)
    search = FlatSearcher(depth=30).open(Runtime(), index)
    whole = search(Vectors(queries))
    alone = Run.join([search(Vectors(queries[i : i + 1], range(i, i + 1))) for i in range(40)])
    opened = Documents.of(index)
    by_torch = nearest(DeviceProducts(opened, "cpu"), opened.prepare_queries(queries), 30, range(40))
    for other in (alone, by_torch):
        np.testing.assert_array_equal(whole.documents, other.documents)
        np.testing.assert_array_equal(whole.scores, other.scores)


def test_what_cannot_be_reduced_or_searched_is_refused() -> None:
    with pytest.raises(UserError, match="reduce: binary: the vectors have 12 dimensions, not a multiple of 8"):
        bits(normal(2, 12))
    with pytest.raises(UserError, match="reduced vectors have no distances; use 'cosine' or 'dot'"):
        ask(bits(normal(5, 8)), Vectors(normal(1, 8)), "euclidean", 2)
    with pytest.raises(UserError, match="the queries have 16 dimensions, but the documents 8"):
        ask(bits(normal(5, 8)), Vectors(normal(1, 16)), "cosine", 2)
    with pytest.raises(UserError, match="reduce: int8: the vector of a document is not finite"):
        int8(normal(1, 8), np.full((1, 8), np.nan, np.float32))
    for reduce in (bits, lambda array: int8(array, normal(2, 8))):
        with pytest.raises(UserError, match="a vector is not finite"):
            reduce(np.full((1, 8), np.inf, np.float32))


def planned(folder: Path, systems: str) -> Plan:
    write_collection(folder / "toy")
    file = folder / "s.yaml"
    file.write_text(
        f"name: s\ndatasets: {{toy: {{source: beir, path: toy}}}}\nmeasures: [nDCG@10]\nsystems:\n{systems}"
    )
    suite = load_suite(file)
    return make_plan(suite, find_leaves(suite.datasets, suite.models, suite.base, Store(folder / "store"), fetch=True))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("{reduce: binary}, {reduce: truncate, dim: 8}", "'reduce: truncate' takes Vectors, not BitVectors"),
        ("{reduce: int8}, {reduce: binary}", "'reduce: binary' takes Vectors, not Int8Vectors"),
    ],
)
def test_a_wrong_order_is_refused_while_planning(stages: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=message):
        planned(tmp_path, f"  a: [{{encode: hashing, dim: 64}}, {stages}, {{index: flat}}]")


def test_all_reductions_share_one_encode(tmp_path: Path) -> None:
    systems = [
        "{reduce: int8}",
        "{reduce: int8, queries: int8}",
        "{reduce: binary}",
        "{reduce: binary, queries: bits}",
        "{reduce: truncate, dim: 8}",
        "{reduce: truncate, dim: 8}, {reduce: binary}",
    ]
    lines = [f"  s{i}: [{{encode: hashing, dim: 64}}, {word}, {{index: flat}}]" for i, word in enumerate(systems)]
    plan = planned(tmp_path, "\n".join(lines))
    made = [node.name for node in plan.nodes]
    assert made.count("encode/hashing") == 2, "documents once, queries once"
    assert made.count("reduce/int8") == 2, "the documents' codes are the same for both kinds of queries"
    assert made.count("index/flat") == 4
