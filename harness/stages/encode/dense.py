"""Dense vectors of a sentence-transformers model, on CPU or GPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from harness.artifacts.model import Model
from harness.artifacts.text import Texts
from harness.artifacts.vectors import Vectors
from harness.models.batches import Batches
from harness.models.loading import load, normalising
from harness.stage import Runtime
from harness.stage.base import Side
from harness.stages.encode.base import TextEncoder, refuse_nan, side_of


class DenseEncoder(TextEncoder):
    """One vector a text, float32 whatever the precision of the weights; model, prompt and length decide it."""

    releases_gil: ClassVar[bool] = True
    version: ClassVar[int] = 2
    """2: the prompt that a model has for a `passage` stands before each document."""
    normalize: bool | None = None
    """Whether vectors are brought to length 1; None: as the model does."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Load the weights; the call encodes Corpus or Queries. UserError for a model that cannot be loaded."""
        weights = load("SentenceTransformer", model, self, runtime)
        self.cut(weights)
        unit = self._normalizes(weights)
        batches = Batches(weights, runtime)
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> Vectors:
            side = side_of(texts)
            array = np.empty((len(texts), width), np.float32)
            prompt = self.prompt(weights, side)
            for places, vectors in list(batches(texts.texts, side, prompt, partial(embed, weights, side))):
                array[places] = vectors.cpu().numpy()
            refuse_nan(array, texts, self)
            if unit:
                array /= np.maximum(np.sqrt((array * array).sum(axis=1, keepdims=True)), np.finfo(np.float32).tiny)
            return Vectors(array, texts.rows)

        return encode

    def _normalizes(self, weights: Any) -> bool:
        """Take the model's own normalisation out where the suite wants none; return whether vectors get length 1."""
        own = normalising(weights)
        if self.normalize is False:
            for name in own:
                delattr(weights, name)
        return bool(own) if self.normalize is None else self.normalize


def embed(weights: Any, side: Side, features: Any) -> Any:
    """Return the vectors of a batch, a float32 tensor [texts, dimensions] on the device, which may still be at it."""
    return weights(features, task=side)["sentence_embedding"].float()
