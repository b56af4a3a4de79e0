"""One new text for each query, by an instruction of the suite."""

from __future__ import annotations

from pydantic import Field

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter


class Prompt(LanguageRewriter):
    """Have the language model write what `instruction` asks for; it is the query for all that follows.

    With `repeat_query` the query itself stands before it so many times: five times, before a passage that answers it,
    is query2doc for a lexical search (Wang et al. 2023, https://arxiv.org/abs/2303.07678).
    """

    max_tokens: int = Field(default=256, ge=1)
    """That the text has at most."""
    repeat_query: int = Field(default=0, ge=0)

    @property
    def use(self) -> DraftUse:
        """It replaces the query."""
        return DraftUse("replace", repeat_query=self.repeat_query)
