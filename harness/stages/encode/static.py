"""Static embeddings: a row for each token, averaged; folders of sentence-transformers and of model2vec."""

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
"""Tokens that model2vec reads of a text where its configuration does not say."""


class StaticEncoder(TextEncoder):
    """The mean of the rows of a text's tokens, as StaticEmbedding of sentence-transformers or model2vec takes it.

    The layout of the folder decides: as model2vec does, tokens that its vocabulary lacks are left out of what it wrote,
    and long texts are cut. A text without tokens is the zero vector. model2vec itself is not needed.
    """

    chunk_rows: ClassVar[int] = 8192
    precision: ClassVar[Literal["fp32"]] = "fp32"  # type: ignore[misc]  # rows are looked up: no setting of it
    normalize: bool | None = None
    """Whether vectors are brought to length 1; None: as the model does."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Load the table; the call encodes Corpus or Queries. UserError for a model that is none of static rows."""
        import torch

        weights, own = read(model, self, runtime)
        unit = own.unit if self.normalize is None else self.normalize
        cut = Cut(weights[0].tokenizer, own, self.max_length)
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> Vectors:
            side = side_of(texts)
            array = np.empty((0, width), np.float32)
            if len(texts):
                prompt = self.prompt(weights, side) or ""
                features = {
                    key: value.to(weights.device) for key, value in cut([prompt + t for t in texts.texts]).items()
                }
                with torch.inference_mode():
                    array = weights(features)["sentence_embedding"].float().cpu().numpy()
            refuse_nan(array, texts, self)
            if unit:
                array = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            return Vectors(array, texts.rows)

        return encode


class Own(NamedTuple):
    """What a model says besides its rows."""

    unit: bool
    """Whether vectors have length 1."""
    model2vec: bool = False
    longest: int | None = None
    """Tokens of a text that are read."""


def read(model: Model | None, stage: StaticEncoder, runtime: Runtime) -> tuple[Any, Own]:
    """Load a SentenceTransformer without its normalisation, and what the model says. UserError for another model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    if model is None:
        raise UserError(f"{stage.word()} needs a model")
    where: dict[str, Any] = {"revision": model.revision, "local_files_only": Path(model.path).is_dir()}
    files = {name: StaticEmbedding.load_file_path(model.path, name, **where) for name in FILES}
    said = of_model2vec(files)
    if said is not None and files["modules.json"] is None:  # a folder of model2vec before its version 0.3
        rows = StaticEmbedding.load(model.path, **where)
        weights: Any = SentenceTransformer(modules=[rows], device=runtime.device).eval()
    else:
        weights = load("SentenceTransformer", model, stage, runtime)
    if not isinstance(weights[0], StaticEmbedding):
        raise UserError(f"{stage.word()}: the model {model.path!r} holds no static embeddings; encode: dense reads it")
    own = normalising(weights)
    for name in own:
        delattr(weights, name)
    if said is None:
        return weights, Own(bool(own))
    return weights, Own(bool(said.get("normalize")), True, said.get("max_length", LONGEST))


FILES = ("modules.json", "config.json", "model.safetensors")


def of_model2vec(files: dict[str, str | None]) -> dict[str, Any] | None:
    """Return the configuration of a model whose rows model2vec wrote, under the name "embeddings"; None for another."""
    from safetensors import safe_open

    config, table = files["config.json"], files["model.safetensors"]
    if config is None or table is None:
        return None
    with safe_open(table, "numpy") as tensors:
        if "embeddings" not in tensors.keys():  # noqa: SIM118 - it is no mapping
            return None
    said: dict[str, Any] = json.loads(Path(config).read_text("utf-8"))
    return said


class Cut:
    """Texts to the numbers of their tokens, one after the other, and where each text begins."""

    def __init__(self, tokenizer: Any, own: Own, longest: int | None) -> None:
        self.tokenizer = tokenizer
        self.characters: int | None = None
        self.unknown: int | None = None
        longest = longest or own.longest
        if longest is not None:
            tokenizer.enable_truncation(longest)
        if own.model2vec:
            self.unknown = unknown(tokenizer)
            median = int(np.median([len(token) for token in tokenizer.get_vocab()]))
            self.characters = None if longest is None else longest * median

    def __call__(self, texts: list[str]) -> dict[str, Any]:
        """Return `input_ids` int64[tokens] and `offsets` int64[texts] as tensors."""
        import torch

        found = self.tokenizer.encode_batch([text[: self.characters] for text in texts], add_special_tokens=False)
        tokens = [[token for token in each.ids if token != self.unknown] for each in found]
        offsets = np.cumsum([0, *map(len, tokens[:-1])])
        return {
            "input_ids": torch.tensor(list(chain.from_iterable(tokens)), dtype=torch.long),
            "offsets": torch.from_numpy(offsets),
        }


def unknown(tokenizer: Any) -> int | None:
    """Return the number of the token that stands for all that a vocabulary lacks, if it has one."""
    model = json.loads(tokenizer.to_str())["model"]
    named = model.get("unk_token")
    number: int | None = model.get("unk_id") if named is None else tokenizer.token_to_id(named)
    return number
