"""Dense vectors from an OpenAI-compatible endpoint, paid by the token."""

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

BYTES_A_TOKEN = 3
"""For the size of a request, which need not be exact; a budget is held by the upper bound of one byte a token."""


class ApiEncoder(EmbeddingsSettings, Encoder):
    """One vector a text, from `POST {base_url}/embeddings` (https://platform.openai.com/docs/api-reference/embeddings).

    Its output is named by URL, model, dimensions, encoding, prompts and the cut of the texts. An endpoint publishes no
    checksum of its weights, so a report says that its vectors may be others tomorrow. An empty text is the zero vector.
    """

    chunk_rows: ClassVar[int] = 256
    inert: ClassVar[frozenset[str]] = EmbeddingsSettings.inert | {"batch_tokens", "batch_items"}

    prompts: dict[Side, str] = Field(default_factory=dict)
    """Text put before each text of a side; "none" or nothing said is none."""
    max_characters: int | None = Field(default=None, ge=1)
    """Characters of a text that are sent, prompt not counted; an endpoint refuses a text that is too long for it."""
    batch_tokens: int = Field(default=32_768, ge=1)
    """About how many tokens a request has at most, a token taken as three bytes; one text is always sent."""
    batch_items: int = Field(default=256, ge=1)
    """How many texts a request has at most."""

    @field_validator("prompts", mode="before")
    @classmethod
    def _said(cls, prompts: Any) -> Any:
        words = prompts.values() if isinstance(prompts, dict) else (prompts,)
        if any(word in (OWN, SWAPPED) for word in words):
            raise ValueError("an endpoint tells no prompts of its model: write the text of each side, or 'none'")
        if isinstance(prompts, dict):
            return {side: text for side, text in prompts.items() if text not in (None, NONE)}
        return {} if prompts in (None, "none") else prompts

    def on(self, side: Side) -> Self:
        """Leave out the prompt of the other side."""
        return self.model_copy(update={"prompts": {s: p for s, p in self.prompts.items() if s == side}})

    def said_prompt(self, side: Side) -> str:
        """Return the text that the suite says."""
        return self.prompts.get(side, NONE)

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Ask for one vector, which tells the dimensions and that key and address are right; the call encodes texts."""
        endpoint = Embeddings(self, runtime.bill)
        width = endpoint.embed(["width"], self.dimensions).shape[1]

        def encode(texts: Texts) -> Vectors:
            array = np.zeros((len(texts), width), np.float32)
            prompt = self.said_prompt(side_of(texts))
            asked = {row: prompt + text[: self.max_characters] for row, text in enumerate(texts.texts) if text.strip()}
            to_come = bound(list(asked.values()))
            for rows in self._requests(asked):
                request = [asked[row] for row in rows]
                to_come -= bound(request)
                array[rows] = endpoint.embed(request, width, to_come)
            return Vectors(array, texts.rows)

        return encode

    def _requests(self, asked: dict[int, str]) -> Iterator[list[int]]:
        """Give the rows of each request, in their order, as many as fit."""
        rows: list[int] = []
        tokens = 0
        for row, text in asked.items():
            more = len(text.encode()) // BYTES_A_TOKEN + 2
            if rows and (tokens + more > self.batch_tokens or len(rows) == self.batch_items):
                yield rows
                rows, tokens = [], 0
            rows.append(row)
            tokens += more
        if rows:
            yield rows
