"""A new text for each query, written by a language model as the suite instructs it."""

from __future__ import annotations

from pydantic import Field

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter


class Prompt(LanguageRewriter):
    """Replaces each query by the text that a language model writes for it.

    The text is the query for all later stages. `repeat_query` prepends the query itself: five times before a passage
    that answers it is query2doc for lexical search (Wang et al. 2023, https://arxiv.org/abs/2303.07678).
    """

    max_tokens: int = Field(default=256, ge=1)
    """The maximum length of the text in tokens."""
    repeat_query: int = Field(default=0, ge=0)
    """How many times the query is prepended to the text."""

    @property
    def use(self) -> DraftUse:
        """The text replaces the query."""
        return DraftUse("replace", repeat_query=self.repeat_query)
