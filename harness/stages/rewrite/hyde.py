"""Hypothetical document embeddings: the search uses vectors of passages that a language model writes for the query."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter


class Hyde(LanguageRewriter):
    """Searches with the mean vector of `n` passages that a language model writes as answers (Gao et al. 2023).

    https://arxiv.org/abs/2212.10496. The next encoder encodes the passages as documents. With `with_query`, the mean
    includes the vector of the query, as in the paper.
    """

    instruction: str = "Please write a passage to answer the question.\nQuestion: {query}\nPassage:"
    """The prompt; `{query}` is replaced by the query. The default is the paper's prompt for web search."""
    n: int = Field(default=8, ge=1)
    """The number of passages per query."""
    with_query: bool = True
    """Whether the mean includes the vector of the query."""
    temperature: float | None = Field(default=0.7, ge=0)
    """The sampling temperature; 0 is greedy. None does not send it to the endpoint."""
    max_tokens: int = Field(default=512, ge=1)
    """The maximum length of a passage in tokens."""

    @model_validator(mode="after")
    def _check_temperature(self) -> Self:
        if self.n > 1 and self.temperature == 0:
            raise ValueError(f"at temperature: 0 all n: {self.n} drafts would be the same")
        return self

    @property
    def use(self) -> DraftUse:
        """The passages are encoded as documents, and the search uses their mean vector."""
        return DraftUse("average", self.n, self.with_query)

    @property
    def answers(self) -> int:
        """One answer per passage."""
        return self.n
