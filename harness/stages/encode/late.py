"""Token vectors for late interaction: of a ColBERT model, or of any text encoder that gives one vector a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from harness.artifacts.base import Artifact
from harness.artifacts.model import Model
from harness.artifacts.text import Texts
from harness.artifacts.token_vectors import TokenVectors, borders
from harness.errors import UserError
from harness.models.batches import Batches
from harness.models.loading import load, normalising
from harness.models.token_counter import LATE_ARCHITECTURE, LATE_TYPES
from harness.stage import Runtime
from harness.stage.base import Side
from harness.stages.encode.base import TextEncoder, refuse_nan, side_of


class LateEncoder(TextEncoder):
    """One vector a token, stored as float16 (Khattab and Zaharia 2020, arXiv 2004.12832).

    A ColBERT model is read by sentence-transformers' MultiVectorEncoder: markers, lengths, [MASK] expansion of queries
    and skipped punctuation are those of its own configuration. Of any other model it takes the token embeddings before
    pooling, at length 1: all that its attention mask holds, special tokens too, padding not.
    """

    releases_gil: ClassVar[bool] = True
    gives: ClassVar[type[Artifact]] = TokenVectors
    pool_factor: float = Field(default=1.0, ge=1)
    """Of documents, about 1 token in so many is kept: tokens are clustered by Ward's method on cosine distance, each
    cluster becomes its mean, the first token stays (Clavié et al. 2024, arXiv 2409.14683)."""

    def on(self, side: Side) -> Self:
        """Leave out the prompt of the other side; queries are not pooled."""
        one = super().on(side)
        return one.model_copy(update={"pool_factor": 1.0}) if side == "query" else one

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], TokenVectors]:
        """Load the weights; the call encodes Corpus or Queries. UserError for a model that cannot be loaded."""
        late = model is not None and is_late(model)
        weights = load("MultiVectorEncoder" if late else "SentenceTransformer", model, self, runtime)
        self.cut(weights)
        if late and self.max_length is not None:
            weights[0].document_length = self.max_length
        batches = Batches(weights, runtime)
        unit = not late or bool(normalising(weights))  # where the model does it, it is done again in float32
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> TokenVectors:
            side = side_of(texts)
            pool = _pooling(self.pool_factor if side == "document" else 1.0)
            found = [np.empty((0, width), np.float16)] * len(texts)
            work = partial(self._embed, weights, side, unit)
            for places, batch in batches(texts.texts, side, self.prompt(weights, side), work):
                for place, tokens in zip(places, batch, strict=True):
                    found[place] = _stored(pool(tokens), unit)
            starts = borders(np.array([len(tokens) for tokens in found], np.int64))
            array = np.concatenate(found) if found else np.empty((0, width), np.float16)
            refuse_nan(_faults(array, starts), texts, self)
            return TokenVectors(array, starts, texts.rows)

        return encode

    def _embed(self, weights: Any, side: Side, unit: bool, features: Any) -> list[Any]:
        """Return the vectors of a batch, one float32 tensor [tokens, dimensions] a text."""
        from torch.nn.functional import normalize

        made = weights(features, task=side)
        if "token_embeddings" not in made or "attention_mask" not in made:
            raise UserError(f"{self.word()}: the model gives no vectors of tokens")
        vectors, mask = made["token_embeddings"], made["attention_mask"].bool()
        flat = vectors[mask].float()
        return list((normalize(flat, dim=-1) if unit else flat).split(mask.sum(dim=1).tolist()))


def is_late(model: Model) -> bool:
    """Tell from its configuration files whether a model was made for late interaction."""
    return _said(model, "config_sentence_transformers.json").get("model_type") in LATE_TYPES or (
        LATE_ARCHITECTURE in (_said(model, "config.json").get("architectures") or ())
    )


def _said(model: Model, name: str) -> dict[str, Any]:
    """Read a file of a model folder, or of a published model; empty where there is none."""
    from sentence_transformers.util import load_file_path

    path = load_file_path(model.path, name, revision=model.revision, local_files_only=Path(model.path).is_dir())
    said: dict[str, Any] = json.loads(Path(path).read_text("utf-8")) if path else {}
    return said


def _pooling(factor: float) -> Callable[[Any], Any]:
    """Return what pools the tokens of one text, float32[tokens, dimensions]."""
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    return HierarchicalTokenPooling(factor).pool_one if factor > 1 else lambda tokens: tokens


def _stored(tokens: Any, unit: bool) -> np.ndarray:
    """Return float16 as it is kept; the mean of a cluster is brought back to length 1."""
    from torch.nn.functional import normalize

    kept: np.ndarray = (normalize(tokens, dim=-1) if unit else tokens).half().cpu().numpy()
    return kept


def _faults(array: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return for each text 0, or NaN where one of its vectors is not finite."""
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    found = np.zeros(len(starts) - 1)
    found[np.searchsorted(starts, bad, side="right") - 1] = np.nan
    return found
