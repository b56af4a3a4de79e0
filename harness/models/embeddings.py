"""Requests embeddings from an OpenAI-compatible endpoint, and checks and orders its answers.

The protocol is that of https://platform.openai.com/docs/api-reference/embeddings/create.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.models.endpoint import BadAnswer, Endpoint, EndpointSettings, Tokens, bound, document


class EmbeddingsSettings(EndpointSettings):
    """The settings of a stage that requests vectors from an endpoint."""

    inert: ClassVar[frozenset[str]] = EndpointSettings.inert | {"usd_per_1m_tokens"}
    prices: ClassVar[tuple[str, ...]] = ("usd_per_1m_tokens",)

    dimensions: int | None = Field(default=None, ge=1)
    """The number of dimensions to request; None for as many as the model has."""
    encoding_format: Literal["base64", "float"] = "base64"
    """How numbers are sent: `base64` of their bits, or `float` decimals for an endpoint that supports nothing else."""
    usd_per_1m_tokens: float | None = Field(default=None, ge=0)
    """The price of tokens, in USD per million; None if it is unknown."""


class Embeddings(Endpoint):
    """Requests embeddings from one endpoint during one run."""

    settings: EmbeddingsSettings

    def embed(self, texts: Sequence[str], width: int | None, to_come: int = 0) -> np.ndarray:
        """Return the vectors of texts that are not empty, float32 [texts, dimensions].

        `width` is the required number of dimensions, None if it is not known. `to_come` bounds the tokens of later
        requests without which this one is useless; the budget must have room for all. Raises UserError as `attempt`
        does.
        """

        def send() -> np.ndarray:
            answer = document(
                self.client.embeddings.with_raw_response.create(
                    input=list(texts),
                    model=self.settings.model,
                    encoding_format=self.settings.encoding_format,
                    **options,
                )
            )
            self.pay(tokens_of(answer))
            return checked(in_order(answer, len(texts)), len(texts), width or self.settings.dimensions)

        options: dict[str, Any] = {} if self.settings.dimensions is None else {"dimensions": self.settings.dimensions}
        return self.attempt(send, "vectors", Tokens(bound(texts) + to_come))


def in_order(answer: Mapping[str, Any], count: int) -> np.ndarray:
    """Return the vectors of an answer in the order of the texts. Raises BadAnswer if one is missing or repeated."""
    data = answer.get("data")
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise BadAnswer("its answer has no list of embeddings")
    if len(data) != count:
        raise BadAnswer(f"it returned {len(data)} vectors for {count} texts")
    indexes = [entry.get("index") for entry in data]
    if sorted(index for index in indexes if isinstance(index, int)) != list(range(count)):
        raise BadAnswer(f"its vectors do not have the indexes 0 to {count - 1}, each once")
    rows = [vector(entry.get("embedding")) for entry in sorted(data, key=lambda entry: entry["index"])]
    if len({len(row) for row in rows}) != 1:
        raise BadAnswer("its vectors differ in length")
    return np.stack(rows)


def vector(embedding: Any) -> np.ndarray:
    """Read a vector: a list of numbers, or the base64 of little-endian float32. Raises BadAnswer for anything else."""
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32)
        numbers = np.array(embedding, np.float32)
    except (binascii.Error, TypeError, ValueError):
        raise BadAnswer("a vector of its answer cannot be read") from None
    if numbers.ndim != 1:
        raise BadAnswer("a vector of its answer is not a list of numbers")
    return numbers


def tokens_of(answer: Mapping[str, Any]) -> Tokens | None:
    """Return the tokens that an answer reports; None if it does not."""
    usage = answer.get("usage")
    counted = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return Tokens(counted) if isinstance(counted, int) and counted >= 0 else None


def checked(vectors: np.ndarray, count: int, width: int | None) -> np.ndarray:
    """Return vectors [count, width] if they are finite and have that shape. Raises BadAnswer otherwise."""
    if width is not None and vectors.shape != (count, width):
        raise BadAnswer(f"its vectors have {vectors.shape[1]} dimensions, not {width}")
    if not vectors.shape[1] or not np.isfinite(vectors).all():
        raise BadAnswer("a vector of its answer is empty or not finite")
    return vectors
