"""Token vectors for late interaction, from a ColBERT model or any text encoder that produces a vector per token."""

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
    """Encodes each token as one vector, for MaxSim (ColBERT, Khattab and Zaharia 2020).

    arXiv 2004.12832. Vectors are stored as float16. A ColBERT model is loaded as sentence-transformers'
    MultiVectorEncoder, and its configuration sets markers, lengths, [MASK] expansion of queries and skipped
    punctuation. For any other model, the vectors are the token embeddings before pooling, scaled to length 1, of all
    tokens in the attention mask: special tokens are included, padding is not.
    """

    releases_gil: ClassVar[bool] = True
    gives: ClassVar[type[Artifact]] = TokenVectors
    pool_factor: float = Field(default=1.0, ge=1)
    """The factor by which the number of vectors per document is reduced; 1, the default, keeps all. Tokens are
    clustered by Ward's method on cosine distance and each cluster is replaced by its mean; the first token is kept
    (Clavié et al. 2024, arXiv 2409.14683). Queries are not pooled."""

    def on(self, side: Side) -> Self:
        """Return the stage without the prompt of the other side, and for queries without pooling."""
        stage = super().on(side)
        return stage.model_copy(update={"pool_factor": 1.0}) if side == "query" else stage

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], TokenVectors]:
        """Load the weights; the call encodes Corpus or Queries. Raises UserError if the model cannot be loaded."""
        late = model is not None and is_late(model)
        weights = load("MultiVectorEncoder" if late else "SentenceTransformer", model, self, runtime)
        self.limit_length(weights)
        if late and self.max_length is not None:
            weights[0].document_length = self.max_length
        batches = Batches(weights, runtime)
        unit = not late or bool(normalising(weights))  # a model that normalises is normalised again in float32
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> TokenVectors:
            side = side_of(texts)
            pool = _pooling(self.pool_factor if side == "document" else 1.0)
            vectors = [np.empty((0, width), np.float16)] * len(texts)
            work = partial(self._embed, weights, side, unit)
            for places, batch in batches(texts.texts, side, self.prompt(weights, side), work):
                for place, tokens in zip(places, batch, strict=True):
                    vectors[place] = _stored(pool(tokens), unit)
            starts = borders(np.array([len(tokens) for tokens in vectors], np.int64))
            array = np.concatenate(vectors) if vectors else np.empty((0, width), np.float16)
            refuse_nan(_non_finite(array, starts), texts, self)
            return TokenVectors(array, starts, texts.rows)

        return encode

    def _embed(self, weights: Any, side: Side, unit: bool, features: Any) -> list[Any]:
        """Return the vectors of a batch, one float32 tensor [tokens, dimensions] per text."""
        from torch.nn.functional import normalize

        output = weights(features, task=side)
        if "token_embeddings" not in output or "attention_mask" not in output:
            raise UserError(f"{self.word()}: the model produces no token vectors")
        vectors, mask = output["token_embeddings"], output["attention_mask"].bool()
        flat = vectors[mask].float()
        return list((normalize(flat, dim=-1) if unit else flat).split(mask.sum(dim=1).tolist()))


def is_late(model: Model) -> bool:
    """Return whether the configuration files of a model declare late interaction."""
    return _configuration(model, "config_sentence_transformers.json").get("model_type") in LATE_TYPES or (
        LATE_ARCHITECTURE in (_configuration(model, "config.json").get("architectures") or ())
    )


def _configuration(model: Model, name: str) -> dict[str, Any]:
    """Read a JSON file of a model folder or a published model; return {} if it does not exist."""
    from sentence_transformers.util import load_file_path

    path = load_file_path(model.path, name, revision=model.revision, local_files_only=Path(model.path).is_dir())
    configuration: dict[str, Any] = json.loads(Path(path).read_text("utf-8")) if path else {}
    return configuration


def _pooling(factor: float) -> Callable[[Any], Any]:
    """Return the function that pools the token vectors of one text, float32[tokens, dimensions]."""
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    return HierarchicalTokenPooling(factor).pool_one if factor > 1 else lambda tokens: tokens


def _stored(tokens: Any, unit: bool) -> np.ndarray:
    """Return the vectors of one text as float16; if `unit`, cluster means are scaled back to length 1."""
    from torch.nn.functional import normalize

    vectors: np.ndarray = (normalize(tokens, dim=-1) if unit else tokens).half().cpu().numpy()
    return vectors


def _non_finite(array: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return float64[texts]: NaN if one of a text's vectors is not finite, else 0."""
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    flags = np.zeros(len(starts) - 1)
    flags[np.searchsorted(starts, bad, side="right") - 1] = np.nan
    return flags
