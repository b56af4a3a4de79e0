"""The embeddings of an OpenAI-compatible endpoint: its answers checked and brought into order.

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
    """The settings of a stage that asks for vectors."""

    inert: ClassVar[frozenset[str]] = EndpointSettings.inert | {"usd_per_1m_tokens"}
    prices: ClassVar[tuple[str, ...]] = ("usd_per_1m_tokens",)

    dimensions: int | None = Field(default=None, ge=1)
    """Asked of the endpoint; None: as the model has."""
    encoding_format: Literal["base64", "float"] = "base64"
    """How numbers travel: their bits, or decimals where an endpoint knows no other way."""
    usd_per_1m_tokens: float | None = Field(default=None, ge=0)
    """The price of tokens, in USD per million; None if it is unknown."""


class Embeddings(Endpoint):
    """One embeddings endpoint in one run."""

    said: EmbeddingsSettings

    def embed(self, texts: Sequence[str], width: int | None, to_come: int = 0) -> np.ndarray:
        """Return the vectors of texts that are not empty, float32 [texts, dimensions].

        `width` is what the dimensions must be, None where it is not known. `to_come` bounds the tokens of requests that
        make no sense without this one; the budget must have room for all. UserError as `attempt` raises it.
        """

        def ask() -> np.ndarray:
            said = document(
                self.client.embeddings.with_raw_response.create(
                    input=list(texts),
                    model=self.said.model,
                    encoding_format=self.said.encoding_format,
                    **chosen,
                )
            )
            self.pay(tokens_of(said))
            return checked(in_order(said, len(texts)), len(texts), width or self.said.dimensions)

        chosen: dict[str, Any] = {} if self.said.dimensions is None else {"dimensions": self.said.dimensions}
        return self.attempt(ask, "vectors", Tokens(bound(texts) + to_come))


def in_order(said: Mapping[str, Any], count: int) -> np.ndarray:
    """Return the vectors of an answer in the order of the texts; BadAnswer where one is missing or stands twice."""
    data = said.get("data")
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise BadAnswer("its answer holds no list of embeddings")
    if len(data) != count:
        raise BadAnswer(f"it gave {len(data)} vectors for {count} texts")
    places = [one.get("index") for one in data]
    if sorted(place for place in places if isinstance(place, int)) != list(range(count)):
        raise BadAnswer(f"its vectors do not bear the indexes 0 to {count - 1}, each once")
    rows = [vector(one.get("embedding")) for one in sorted(data, key=lambda one: one["index"])]
    if len({len(row) for row in rows}) != 1:
        raise BadAnswer("its vectors are of different lengths")
    return np.stack(rows)


def vector(said: Any) -> np.ndarray:
    """Read a vector: a list of numbers, or the base64 of float32 with the lowest byte first. BadAnswer for neither."""
    try:
        if isinstance(said, str):
            return np.frombuffer(base64.b64decode(said, validate=True), "<f4").astype(np.float32)
        found = np.array(said, np.float32)
    except (binascii.Error, TypeError, ValueError):
        raise BadAnswer("a vector of its answer cannot be read") from None
    if found.ndim != 1:
        raise BadAnswer("a vector of its answer is no list of numbers")
    return found


def tokens_of(said: Mapping[str, Any]) -> Tokens | None:
    """Return the tokens that an answer says were counted; None where it does not."""
    usage = said.get("usage")
    counted = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return Tokens(counted) if isinstance(counted, int) and counted >= 0 else None


def checked(vectors: np.ndarray, count: int, width: int | None) -> np.ndarray:
    """Return vectors that are as many and as long as they must be, and finite; BadAnswer for others."""
    if width is not None and vectors.shape != (count, width):
        raise BadAnswer(f"its vectors have {vectors.shape[1]} dimensions, not {width}")
    if not vectors.shape[1] or not np.isfinite(vectors).all():
        raise BadAnswer("a vector of its answer is empty or not finite")
    return vectors
