"""Learned sparse vectors from a sentence-transformers SparseEncoder, such as SPLADE and inference-free models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator

from harness.artifacts.model import Model
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Texts
from harness.errors import UserError
from harness.models.batches import Batches
from harness.models.loading import load
from harness.stage import Runtime
from harness.stage.base import SIDES, Side
from harness.stages.encode.base import TextEncoder, refuse_nan, side_of


class SparseEncoder(TextEncoder):
    """Encodes each text as sparse weights of word pieces, with SPLADE and similar models (Formal et al. 2021).

    arXiv 2109.10086. A model may encode queries differently from documents, as its configuration declares: if it only
    looks weights up in a table, queries need no inference (Geng et al. 2024, arXiv 2411.04403).
    """

    releases_gil: ClassVar[bool] = True
    gives: ClassVar = SparseVectors
    max_active_dims: dict[Side, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """The number of dimensions kept per text, those with the largest weights: one number, or one for each side. The
    default is the model's own limit."""

    @field_validator("max_active_dims", mode="before")
    @classmethod
    def _read_limits(cls, limits: Any) -> Any:
        return dict.fromkeys(SIDES, limits) if isinstance(limits, int) else limits or {}

    def on(self, side: Side) -> Self:
        """Return the stage without the prompt and the limit of the other side."""
        limits = {s: limit for s, limit in self.max_active_dims.items() if s == side}
        return super().on(side).model_copy(update={"max_active_dims": limits})

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], SparseVectors]:
        """Load the weights; the call encodes Corpus or Queries. Raises UserError if the model has no sparse head."""
        weights = load("SparseEncoder", model, self, runtime)
        refuse_untrained(weights, self)
        self.limit_length(weights)
        batches = Batches(weights, runtime)

        def encode(texts: Texts) -> SparseVectors:
            side = side_of(texts)
            work = partial(embed, weights, side, self.max_active_dims.get(side, weights.max_active_dims))
            inputs = texts.texts or [""]  # a model may report its width only after its first output
            vectors = as_rows(list(batches(inputs, side, self.prompt(weights, side), work)), len(inputs))
            vectors = vectors.take(slice(len(texts))).at_rows(texts.rows)
            of_row = np.repeat(np.arange(len(texts)), np.diff(vectors.starts))
            refuse_nan(np.bincount(of_row, weights=vectors.weights, minlength=len(texts)), texts, self)
            return vectors

        return encode

    def limit_length(self, weights: Any) -> None:
        """Set `max_length` on loaded weights, and on the tokenizer of tables, which truncates for them."""
        from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

        super().limit_length(weights)
        tables: list[Any] = [module for module in weights.modules() if isinstance(module, SparseStaticEmbedding)]
        for table in tables if self.max_length is not None else ():
            table.tokenizer.model_max_length = self.max_length


class Active(NamedTuple):
    """The non-zero weights of a batch."""

    texts: np.ndarray
    """int64[weights]: the index of the text in the batch."""
    dimensions: np.ndarray
    """int64[weights]: the dimension."""
    weights: np.ndarray
    """float32[weights]."""
    width: int
    """The number of all dimensions."""


def embed(weights: Any, side: Side, limit: int | None, features: Any) -> Active:
    """Return the non-zero weights of a batch, so that its dense table can be freed at once."""
    from sentence_transformers.util import select_max_active_dims

    more = {} if limit is None else {"max_active_dims": limit}
    table = select_max_active_dims(weights(features, task=side, **more)["sentence_embedding"], limit)
    texts, dimensions = table.nonzero(as_tuple=True)
    active = table[texts, dimensions].float()
    return Active(texts.cpu().numpy(), dimensions.cpu().numpy(), active.cpu().numpy(), table.shape[1])


def as_rows(batches: list[tuple[np.ndarray, Active]], count: int) -> SparseVectors:
    """Merge batches, each with the places of its texts, into the rows of `count` texts."""
    texts = np.concatenate([places[active.texts] for places, active in batches])
    dimensions = np.concatenate([active.dimensions for _, active in batches])
    weights = np.concatenate([active.weights for _, active in batches])
    order = np.lexsort((dimensions, texts))
    starts = np.concatenate([[0], np.bincount(texts, minlength=count).cumsum()])
    return SparseVectors(
        starts.astype(np.int64), dimensions[order].astype(np.int32), weights[order], batches[0][1].width
    )


def refuse_untrained(weights: Any, stage: SparseEncoder) -> None:
    """Raise UserError if the library added a sparse head with random weights to a model that has none."""
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    for module in weights.modules():
        if isinstance(module, SparseAutoEncoder) and not (module.pre_bias.any() or module.latent_bias.any()):
            raise UserError(
                f"{stage.word()}: the model makes no sparse vectors: it has neither a language model head "
                "nor a trained sparse head; for dense vectors use 'encode: dense'"
            )
