"""Dense vectors from an OpenAI-compatible endpoint, which charges per token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator

from harness.artifacts.model import Model
from harness.artifacts.text import Texts
from harness.artifacts.vectors import Vectors
from harness.models.embeddings import Embeddings, EmbeddingsSettings
from harness.models.endpoint import bound
from harness.models.prompts import OWN, SWAPPED
from harness.stage import Encoder, Runtime
from harness.stage.base import NONE, Side
from harness.stages.encode.base import side_of

BYTES_PER_TOKEN = 3
"""An estimate for the size of a request; the budget uses the upper bound of one token per byte instead."""


class ApiEncoder(EmbeddingsSettings, Encoder):
    """Encodes each text as one vector, by an OpenAI-compatible embeddings endpoint.

    It sends requests to `POST {base_url}/embeddings`, see https://platform.openai.com/docs/api-reference/embeddings.
    The fingerprint of the vectors covers URL, model, dimensions, encoding, prompts and truncation. An endpoint
    publishes no checksum of its weights, so reports warn that its vectors may change. An empty text has the zero
    vector.
    """

    chunk_rows: ClassVar[int] = 256
    inert: ClassVar[frozenset[str]] = EmbeddingsSettings.inert | {"batch_tokens", "batch_items"}

    prompts: dict[Side, str] = Field(default_factory=dict)
    """The text prepended to each text of a side: `{query: "query: ", document: ""}`; by default, or with "none", no
    text."""
    max_characters: int | None = Field(default=None, ge=1)
    """The number of characters of a text that are sent, without the prompt; None sends all of them, and an endpoint
    refuses a text that is too long for its model."""
    batch_tokens: int = Field(default=32_768, ge=1)
    """The approximate maximum number of tokens per request, at three bytes per token; a longer text is sent alone."""
    batch_items: int = Field(default=256, ge=1)
    """The maximum number of texts per request."""

    @field_validator("prompts", mode="before")
    @classmethod
    def _read_prompts(cls, prompts: Any) -> Any:
        texts = prompts.values() if isinstance(prompts, dict) else (prompts,)
        if any(text in (OWN, SWAPPED) for text in texts):
            raise ValueError("an endpoint does not report its model's prompts; write the text of each side, or 'none'")
        if isinstance(prompts, dict):
            return {side: text for side, text in prompts.items() if text not in (None, NONE)}
        return {} if prompts in (None, "none") else prompts

    def on(self, side: Side) -> Self:
        """Return the stage without the prompt of the other side."""
        return self.model_copy(update={"prompts": {s: p for s, p in self.prompts.items() if s == side}})

    def prompt_setting(self, side: Side) -> str:
        """Return the prompt of a side."""
        return self.prompts.get(side, NONE)

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Request one vector, to learn the dimensions and to check address and key; the call encodes texts.

        Raises UserError if the endpoint does not answer as expected, and MissingLibrary if `openai` is not installed.
        """
        endpoint = Embeddings(self, runtime.bill)
        width = endpoint.embed(["width"], self.dimensions).shape[1]

        def encode(texts: Texts) -> Vectors:
            array = np.zeros((len(texts), width), np.float32)
            prompt = self.prompt_setting(side_of(texts))
            inputs = {row: prompt + text[: self.max_characters] for row, text in enumerate(texts.texts) if text.strip()}
            remaining = bound(list(inputs.values()))
            for rows in self._requests(inputs):
                request = [inputs[row] for row in rows]
                remaining -= bound(request)
                array[rows] = endpoint.embed(request, width, remaining)
            return Vectors(array, texts.rows)

        return encode

    def _requests(self, inputs: dict[int, str]) -> Iterator[list[int]]:
        """Yield the rows of each request, in order, as many as fit."""
        rows: list[int] = []
        tokens = 0
        for row, text in inputs.items():
            estimate = len(text.encode()) // BYTES_PER_TOKEN + 2
            if rows and (tokens + estimate > self.batch_tokens or len(rows) == self.batch_items):
                yield rows
                rows, tokens = [], 0
            rows.append(row)
            tokens += estimate
        if rows:
            yield rows
