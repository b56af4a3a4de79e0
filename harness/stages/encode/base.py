"""The base class of encoders that load the weights of a text model: its precision, prompts and maximum length."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator

from harness.artifacts.text import Queries, Texts
from harness.errors import UserError, nearest
from harness.models.loading import cut_to
from harness.models.prompts import OWN, SWAPPED, choose
from harness.stage import Encoder
from harness.stage.base import NONE, SIDES, Side

WORDS = {"model": {}, "none": dict.fromkeys(SIDES, NONE), "swapped": dict.fromkeys(SIDES, SWAPPED)}
"""The prompts of both sides for each word that can be given instead of a text per side."""


class TextEncoder(Encoder):
    """An encoder with the weights of a text model."""

    precision: Literal["fp32", "bf16", "fp16"]
    """The precision of the weights and of the computation inside the model."""
    prompts: dict[Side, str] = Field(default_factory=dict)
    """The text prepended to each text of a side: `{query: "query: ", document: ""}`. "model", the default, means
    the prompt in the model's configuration, and "swapped" for its prompt for the other side. One word may cover both
    sides: "model", "swapped" or "none"."""
    max_length: int | None = Field(default=None, ge=1)
    """The number of tokens of a text that are read; None reads as many as the model's configuration sets."""

    @field_validator("prompts", mode="before")
    @classmethod
    def _read_prompts(cls, prompts: Any) -> Any:
        """Expand one word to both sides and drop defaults, so that equal settings have the same fingerprint."""
        if isinstance(prompts, str):
            if prompts not in WORDS:
                raise ValueError(f"prompts must be a text for each side, or one word; {nearest(prompts, WORDS)}")
            return WORDS[prompts]
        if isinstance(prompts, dict):
            return {side: prompt for side, prompt in prompts.items() if prompt not in (None, OWN)}
        return {} if prompts is None else prompts

    def on(self, side: Side) -> Self:
        """Return the stage without the prompt of the other side."""
        return self.model_copy(update={"prompts": {s: p for s, p in self.prompts.items() if s == side}})

    def prompt_setting(self, side: Side) -> str:
        """Return the prompt that the suite sets for a side; `prompts.OWN` if it sets none."""
        return self.prompts.get(side, OWN)

    def prompt(self, weights: Any, side: Side) -> str | None:
        """Return the text prepended to each text of a side, chosen as SentenceTransformer does; None for no text."""
        return choose(self.prompt_setting(side), side, weights.prompts, weights.default_prompt_name)

    def limit_length(self, weights: Any) -> None:
        """Set `max_length` on loaded weights; UserError if the model cannot read that many tokens."""
        cut_to(weights, self.max_length, self.word())


def side_of(texts: Texts) -> Side:
    """Return the side of texts: "query" for Queries, "document" for all others."""
    return "query" if isinstance(texts, Queries) else "document"


def refuse_nan(array: np.ndarray, texts: Texts, stage: TextEncoder) -> None:
    """Raise UserError naming the first text whose row of `array` [texts, ...] is not finite."""
    if np.isfinite(array).all():
        return
    bad = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
    key = texts.ids[bad]
    raise UserError(
        f"{stage.word()}: the vector of {key!r} (row {texts.rows[bad]}) is not finite at precision: {stage.precision}"
    )
