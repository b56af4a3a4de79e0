"""Hypothetical documents: a language model answers the query, and what resembles its answers is searched for."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter


class Hyde(LanguageRewriter):
    """Have `n` passages drafted that answer each query; the mean of their vectors is searched with.

    Gao et al. 2023, https://arxiv.org/abs/2212.10496. Drafts are encoded as documents are, by the encoder that follows;
    with `with_query` the vector of the query is one more in the mean, as in the paper.
    """

    instruction: str = "Please write a passage to answer the question.\nQuestion: {query}\nPassage:"
    """What the model is asked for each query, which stands in the place of `{query}`; by default the paper's for web
    search."""
    n: int = Field(default=8, ge=1)
    """How many passages are drafted."""
    with_query: bool = True
    """Whether the query is averaged too."""
    temperature: float | None = Field(default=0.7, ge=0)
    """0 is greedy; above it drafts are drawn. None: not sent to the endpoint."""
    max_tokens: int = Field(default=512, ge=1)
    """That a draft has at most."""

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        if self.n > 1 and self.temperature == 0:
            raise ValueError(f"at temperature: 0 all n: {self.n} drafts would be the same")
        return self

    @property
    def use(self) -> DraftUse:
        """Each is encoded as a document, and the mean of their vectors is searched with."""
        return DraftUse("average", self.n, self.with_query)

    @property
    def answers(self) -> int:
        """One a draft."""
        return self.n
