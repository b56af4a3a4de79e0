"""Dense vectors from a sentence-transformers model, on CPU or GPU."""

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
    """Encodes each text as one vector with a sentence-transformers model.

    Vectors are float32, whatever the precision of the weights.
    """

    releases_gil: ClassVar[bool] = True
    version: ClassVar[int] = 2
    """2: a model's prompt for a `passage` is prepended to each document."""
    normalize: bool | None = None
    """Whether vectors are scaled to length 1; None does what the model does."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Load the weights; the call encodes Corpus or Queries. Raises UserError if the model cannot be loaded."""
        weights = load("SentenceTransformer", model, self, runtime)
        self.limit_length(weights)
        unit = self._normalizes(weights)
        batches = Batches(weights, runtime)
        width = weights.get_embedding_dimension() or 0

        def encode(texts: Texts) -> Vectors:
            side = side_of(texts)
            array = np.empty((len(texts), width), np.float32)
            prompt = self.prompt(weights, side)
            # all batches are queued on the device before the first result is copied, which waits for it
            for places, vectors in list(batches(texts.texts, side, prompt, partial(embed, weights, side))):
                array[places] = vectors.cpu().numpy()
            refuse_nan(array, texts, self)
            if unit:
                array /= np.maximum(np.sqrt((array * array).sum(axis=1, keepdims=True)), np.finfo(np.float32).tiny)
            return Vectors(array, texts.rows)

        return encode

    def _normalizes(self, weights: Any) -> bool:
        """Remove the model's normalisation if the suite disables it; return whether vectors are scaled to length 1."""
        layers = normalising(weights)
        if self.normalize is False:
            for name in layers:
                delattr(weights, name)
        return bool(layers) if self.normalize is None else self.normalize


def embed(weights: Any, side: Side, features: Any) -> Any:
    """Return the vectors of a batch, a float32 tensor [texts, dimensions] that the device may still be computing."""
    return weights(features, task=side)["sentence_embedding"].float()
