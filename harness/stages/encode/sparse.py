"""Learned sparse vectors of a sentence-transformers SparseEncoder: SPLADE, and queries without inference."""

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
    """One weight for each word piece that a text brings to mind; SPLADE (Formal et al. 2021, arXiv 2109.10086).

    A model may take another way on the side of the queries: one that only looks weights up in a table needs no
    inference there (Geng et al. 2024, arXiv 2411.04403). What the model's file says of the two sides is followed.
    """

    releases_gil: ClassVar[bool] = True
    gives: ClassVar = SparseVectors
    max_active_dims: dict[Side, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Keep so many of the heaviest dimensions of a text; one number is for both sides. By default as the model says."""

    @field_validator("max_active_dims", mode="before")
    @classmethod
    def _both(cls, said: Any) -> Any:
        return dict.fromkeys(SIDES, said) if isinstance(said, int) else said or {}

    def on(self, side: Side) -> Self:
        """Leave out the prompt and the limit of the other side."""
        here = {s: limit for s, limit in self.max_active_dims.items() if s == side}
        return super().on(side).model_copy(update={"max_active_dims": here})

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], SparseVectors]:
        """Load the weights; the call encodes Corpus or Queries. UserError for a model without a sparse head."""
        weights = load("SparseEncoder", model, self, runtime)
        refuse_untrained(weights, self)
        self.cut(weights)
        batches = Batches(weights, runtime)

        def encode(texts: Texts) -> SparseVectors:
            side = side_of(texts)
            work = partial(embed, weights, side, self.max_active_dims.get(side, weights.max_active_dims))
            asked = texts.texts or [""]  # a model may know its width only after its first answer
            found = as_rows(list(batches(asked, side, self.prompt(weights, side), work)), len(asked))
            found = found.take(slice(len(texts))).at_rows(texts.rows)
            of_row = np.repeat(np.arange(len(texts)), np.diff(found.starts))
            refuse_nan(np.bincount(of_row, weights=found.weights, minlength=len(texts)), texts, self)
            return found

        return encode

    def cut(self, weights: Any) -> None:
        """Set the length that the suite says, for tables of weights too, which leave it to their tokenizer."""
        from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

        super().cut(weights)
        tables: list[Any] = [module for module in weights.modules() if isinstance(module, SparseStaticEmbedding)]
        for table in tables if self.max_length is not None else ():
            table.tokenizer.model_max_length = self.max_length


class Active(NamedTuple):
    """What is not zero in a batch: its text, its dimension, its weight; and the number of all dimensions."""

    texts: np.ndarray
    dimensions: np.ndarray
    weights: np.ndarray
    width: int


def embed(weights: Any, side: Side, limit: int | None, features: Any) -> Active:
    """Return the vectors of a batch without their zeros; a dense table of them is never held for longer."""
    from sentence_transformers.util import select_max_active_dims

    more = {} if limit is None else {"max_active_dims": limit}
    table = select_max_active_dims(weights(features, task=side, **more)["sentence_embedding"], limit)
    texts, dimensions = table.nonzero(as_tuple=True)
    active = table[texts, dimensions].float()
    return Active(texts.cpu().numpy(), dimensions.cpu().numpy(), active.cpu().numpy(), table.shape[1])


def as_rows(batches: list[tuple[np.ndarray, Active]], count: int) -> SparseVectors:
    """Put the texts of all batches back in their order; `places` say which texts a batch holds."""
    texts = np.concatenate([places[active.texts] for places, active in batches])
    dimensions = np.concatenate([active.dimensions for _, active in batches])
    weights = np.concatenate([active.weights for _, active in batches])
    order = np.lexsort((dimensions, texts))
    starts = np.concatenate([[0], np.bincount(texts, minlength=count).cumsum()])
    return SparseVectors(
        starts.astype(np.int64), dimensions[order].astype(np.int32), weights[order], batches[0][1].width
    )


def refuse_untrained(weights: Any, stage: SparseEncoder) -> None:
    """Raise UserError where the library put a sparse head of random weights on a model that has none."""
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    for module in weights.modules():
        if isinstance(module, SparseAutoEncoder) and not (module.pre_bias.any() or module.latent_bias.any()):
            raise UserError(
                f"{stage.word()}: the model makes no sparse vectors: it has neither the head of a language model "
                "nor a trained sparse one; for dense vectors use 'encode: dense'"
            )
