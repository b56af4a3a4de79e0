"""What the encoders share: settings of a text model, its prompts, its weights, and batches of texts of like length."""

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
"""What one word says of both sides."""


class TextEncoder(Encoder):
    """An encoder with weights of a text model: what it reads of a text, and in which precision it calculates."""

    precision: Literal["fp32", "bf16", "fp16"]
    """Of the weights and of what is calculated inside the model."""
    prompts: dict[Side, str] = Field(default_factory=dict)
    """Text put before each text of a side, or a word: "model" (or nothing said) is what the model's own configuration
    says, "swapped" what it says of the other side. One word for both sides may stand alone; "none" is no text."""
    max_length: int | None = Field(default=None, ge=1)
    """Tokens of a text that are read; None: as many as the model's own configuration says."""

    @field_validator("prompts", mode="before")
    @classmethod
    def _said(cls, prompts: Any) -> Any:
        """Read one word for both sides, and drop what says no more than the default, so that it has one name."""
        if isinstance(prompts, str):
            if prompts not in WORDS:
                raise ValueError(f"prompts is a text for each side, or one word; {nearest(prompts, WORDS)}")
            return WORDS[prompts]
        if isinstance(prompts, dict):
            return {side: prompt for side, prompt in prompts.items() if prompt not in (None, OWN)}
        return {} if prompts is None else prompts

    def on(self, side: Side) -> Self:
        """Leave out the prompt of the other side."""
        return self.model_copy(update={"prompts": {s: p for s, p in self.prompts.items() if s == side}})

    def said_prompt(self, side: Side) -> str:
        """Return what the suite says of a side; the model's own where it says nothing."""
        return self.prompts.get(side, OWN)

    def prompt(self, weights: Any, side: Side) -> str | None:
        """Return the text that stands before each text of a side, as SentenceTransformer would choose it."""
        return choose(self.said_prompt(side), side, weights.prompts, weights.default_prompt_name)

    def cut(self, weights: Any) -> None:
        """Set the length that the suite says; UserError where the model cannot read so far."""
        cut_to(weights, self.max_length, self.word())


def side_of(texts: Texts) -> Side:
    """Tell on which side texts stand."""
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
