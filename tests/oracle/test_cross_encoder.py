"""Cross-encoders: scores against `CrossEncoder.predict`, what stays beneath the depth, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from tests.makers.cross_encoders import save_cross_encoder

WORDS = ["fox", "dog", "cat", "owl", "hen", "red", "blue", "quick", "lazy", "brown"]
RANDOM = np.random.default_rng(3)
CORPUS = Corpus.of((f"d{i:02}", " ".join(RANDOM.choice(WORDS, 3 * (i % 30)))) for i in range(40))
QUERIES = Queries.of((f"q{i}", " ".join(RANDOM.choice(WORDS, 1 + i % 4))) for i in range(9))
GIVEN = np.where(RANDOM.random((9, 40)) > 0.5, RANDOM.random((9, 40)), -np.inf)
GIVEN[4] = -np.inf  # a query that found nothing
FOUND = Run.top(GIVEN, 20)


def reranked(folder: Path, runtime: Runtime | None = None, run: Run = FOUND, **settings: Any) -> Run:
    stage = STAGES["rerank/cross_encoder"].model_validate({"depth": 12, "precision": "fp32", **settings})
    call = stage.open(runtime or Runtime(), CORPUS, QUERIES, Model(str(folder)))  # type: ignore[attr-defined]
    given: Run = call(run)
    return given


def predicted(folder: Path, max_length: int | None = None, **said: str) -> np.ndarray:
    """Return what the library gives to every pair, float32 [queries, documents], one call a pair."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu", max_length=max_length)
    pairs = [[(query, text) for text in CORPUS.texts] for query in QUERIES.texts]
    return np.array([[model.predict([pair], **said)[0] for pair in row] for row in pairs])


@pytest.mark.parametrize(
    ("activation", "length"), [("Sigmoid", None), ("Identity", None), ("Tanh", None), ("Sigmoid", 9)]
)
def test_scores_are_those_of_the_library(tmp_path: Path, activation: str, length: int | None) -> None:
    folder = save_cross_encoder(tmp_path, WORDS, activation=activation)
    expected, run = predicted(folder, length), reranked(folder, max_length=length)
    head = run.documents[:, :12]
    for row in range(len(QUERIES)):
        assert set(head[row]) == set(FOUND.documents[row, :12])
        held = head[row][head[row] != NONE]
        np.testing.assert_allclose(run.scores[row, : len(held)], expected[row, held], atol=2e-6)
    assert (np.diff(run.scores[np.isfinite(run.scores).all(axis=1)], axis=1) <= 0).all()
    assert np.ptp(expected) > 0.1  # else every order would do


@pytest.mark.parametrize(
    ("word", "said"), [("quick fox ", {"prompt": "quick fox "}), ("model", {}), ("none", {"prompt": ""})]
)
def test_a_prompt_stands_where_the_library_puts_it(tmp_path: Path, word: str, said: dict[str, str]) -> None:
    folder = save_cross_encoder(tmp_path, WORDS)
    file = folder / "config_sentence_transformers.json"
    own = {"prompts": {"rank": "lazy dog "}, "default_prompt_name": "rank"}
    file.write_text(json.dumps(json.loads(file.read_text()) | own))
    expected, run, rows = predicted(folder, **said), reranked(folder, prompt=word), np.arange(len(QUERIES))[:, None]
    held = run.documents[:, :12] != NONE
    np.testing.assert_allclose(run.scores[:, :12][held], expected[rows, run.documents[:, :12]][held], atol=2e-6)
    assert np.abs(expected - predicted(folder, prompt="red hen ")).max() > 0.01


def test_below_the_depth_documents_stay_as_they_stood(tmp_path: Path) -> None:
    run = reranked(save_cross_encoder(tmp_path, WORDS))
    np.testing.assert_array_equal(run.documents[:, 12:], FOUND.documents[:, 12:])
    full = (run.documents != NONE).all(axis=1)
    assert full.any() and (run.scores[full, 12] == run.scores[full, 11] - 1).all()


def test_neither_batches_nor_slices_change_an_order(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path, WORDS)
    whole = reranked(folder)
    for other in (reranked(folder, Runtime(batch_size=1)), reranked(folder, Runtime(batch_size=500))):
        np.testing.assert_allclose(other.scores, whole.scores, atol=2e-6)
        np.testing.assert_array_equal(other.documents, whole.documents)
    part = reranked(folder, run=FOUND.take(slice(5, 9)))
    assert part.rows == range(5, 9)
    np.testing.assert_array_equal(part.documents, whole.documents[5:9])


def test_a_lack_of_gpu_memory_halves_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    folder, sizes = save_cross_encoder(tmp_path, WORDS), []
    whole, forward = reranked(folder), CrossEncoder.forward

    def scarce(self: Any, features: Any, **more: Any) -> Any:
        sizes.append(len(features["input_ids"]))
        if sizes[-1] > 10:
            raise torch.cuda.OutOfMemoryError
        return forward(self, features, **more)

    monkeypatch.setattr(CrossEncoder, "forward", scarce)
    np.testing.assert_array_equal(reranked(folder, Runtime(batch_size=32)).documents, whole.documents)
    assert sizes[:4] == [32, 16, 8, 8]


def test_what_cannot_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rerank: cross_encoder: the model returns 3 scores per pair"):
        reranked(save_cross_encoder(tmp_path, WORDS, labels=3))
    folder = save_cross_encoder(tmp_path / "one", WORDS)
    with pytest.raises(UserError, match="rerank: cross_encoder: max_length: 65 is more than the model's limit of 64"):
        reranked(folder, max_length=65)
    with pytest.raises(UserError, match=r"rerank: cross_encoder: the model '.*none' cannot be loaded"):
        reranked(tmp_path / "none")
