"""Static embeddings, the mean of one row per token, from folders of sentence-transformers or model2vec."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from harness.artifacts.model import Model
from harness.artifacts.text import Texts
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.models.loading import load, normalising
from harness.stage import Runtime
from harness.stages.encode.base import TextEncoder, refuse_nan, side_of

LONGEST = 512
"""The number of tokens of a text that model2vec reads if its configuration sets no limit."""


class StaticEncoder(TextEncoder):
    """Averages one fixed row per token, with a StaticEmbedding or model2vec model.

    The layout of the folder decides which of the two it is. For a model2vec model, tokens outside the vocabulary are
    skipped and long texts are truncated, as model2vec does; the library itself is not needed. A text without tokens has
    the zero vector.
    """

    chunk_rows: ClassVar[int] = 8192
    precision: ClassVar[Literal["fp32"]] = "fp32"  # type: ignore[misc]  # rows are only looked up, so it is no setting
    normalize: bool | None = None
    """Whether vectors are scaled to length 1; None does what the model does."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Load the table; the call encodes Corpus or Queries. Raises UserError if the model has no static rows."""
        import torch

        weights, configuration = read(model, self, runtime)
        unit = configuration.unit if self.normalize is None else self.normalize
        tokenize = Tokenize(weights[0].tokenizer, configuration, self.max_length)
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> Vectors:
            side = side_of(texts)
            array = np.empty((0, width), np.float32)
            if len(texts):
                prompt = self.prompt(weights, side) or ""
                tokens = tokenize([prompt + text for text in texts.texts])
                features = {key: value.to(weights.device) for key, value in tokens.items()}
                with torch.inference_mode():
                    array = weights(features)["sentence_embedding"].float().cpu().numpy()
            refuse_nan(array, texts, self)
            if unit:
                array = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            return Vectors(array, texts.rows)

        return encode


class Configuration(NamedTuple):
    """The configuration of a model."""

    unit: bool
    """Whether vectors are scaled to length 1."""
    model2vec: bool = False
    """Whether the model was written by model2vec."""
    max_length: int | None = None
    """The number of tokens of a text that are read; None reads all."""


def read(model: Model | None, stage: StaticEncoder, runtime: Runtime) -> tuple[Any, Configuration]:
    """Load a SentenceTransformer without its normalisation, and its configuration.

    Raises UserError if there is no model, or if it has no static embeddings.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    if model is None:
        raise UserError(f"{stage.word()} needs a model")
    location: dict[str, Any] = {"revision": model.revision, "local_files_only": Path(model.path).is_dir()}
    files = {name: StaticEmbedding.load_file_path(model.path, name, **location) for name in FILES}
    config = model2vec_config(files)
    if config is not None and files["modules.json"] is None:  # written by model2vec before version 0.3
        rows = StaticEmbedding.load(model.path, **location)
        weights: Any = SentenceTransformer(modules=[rows], device=runtime.device).eval()
    else:
        weights = load("SentenceTransformer", model, stage, runtime)
    if not isinstance(weights[0], StaticEmbedding):
        raise UserError(
            f"{stage.word()}: the model {model.path!r} has no static embeddings; 'encode: dense' can load it"
        )
    layers = normalising(weights)
    for name in layers:
        delattr(weights, name)
    if config is None:
        return weights, Configuration(bool(layers))
    return weights, Configuration(bool(config.get("normalize")), True, config.get("max_length", LONGEST))


FILES = ("modules.json", "config.json", "model.safetensors")


def model2vec_config(files: dict[str, str | None]) -> dict[str, Any] | None:
    """Return the configuration of a model written by model2vec, whose tensor is named "embeddings"; else None."""
    from safetensors import safe_open

    config, table = files["config.json"], files["model.safetensors"]
    if config is None or table is None:
        return None
    with safe_open(table, "numpy") as tensors:
        if "embeddings" not in tensors.keys():  # noqa: SIM118 - it is no mapping
            return None
    content: dict[str, Any] = json.loads(Path(config).read_text("utf-8"))
    return content


class Tokenize:
    """Turns texts into token ids, limited to `max_length` tokens, or else to the length in the configuration."""

    def __init__(self, tokenizer: Any, configuration: Configuration, max_length: int | None) -> None:
        self.tokenizer = tokenizer
        self.characters: int | None = None
        self.unknown: int | None = None
        max_length = max_length or configuration.max_length
        if max_length is not None:
            tokenizer.enable_truncation(max_length)
        if configuration.model2vec:
            self.unknown = unknown_token(tokenizer)
            median = int(np.median([len(token) for token in tokenizer.get_vocab()]))
            self.characters = None if max_length is None else max_length * median

    def __call__(self, texts: list[str]) -> dict[str, Any]:
        """Return tensors: `input_ids` int64[tokens] of all texts, and their starts, `offsets` int64[texts]."""
        import torch

        encodings = self.tokenizer.encode_batch([text[: self.characters] for text in texts], add_special_tokens=False)
        tokens = [[token for token in encoding.ids if token != self.unknown] for encoding in encodings]
        offsets = np.cumsum([0, *map(len, tokens[:-1])])
        return {
            "input_ids": torch.tensor(list(chain.from_iterable(tokens)), dtype=torch.long),
            "offsets": torch.from_numpy(offsets),
        }


def unknown_token(tokenizer: Any) -> int | None:
    """Return the id of the token for words outside the vocabulary; None if there is none."""
    model = json.loads(tokenizer.to_str())["model"]
    token = model.get("unk_token")
    token_id: int | None = model.get("unk_id") if token is None else tokenizer.token_to_id(token)
    return token_id
