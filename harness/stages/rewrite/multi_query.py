"""Several wordings of each query, whose runs are fused."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter

NUMBERED = re.compile(r"\s*(?:\d+\s*[.):]|[-*•])\s+(.*\S)")


class MultiQuery(LanguageRewriter):
    """Searches with `n` other wordings of the query and fuses the runs (RAG-Fusion, Rackauckas 2024).

    https://arxiv.org/abs/2402.03367. The runs are fused by `fuse: rrf`. The wordings are the numbered lines of one
    answer, so that the model knows the previous ones; if no line is numbered, all lines are used. Stages after the
    search use the original query.
    """

    instruction: str = (
        "Write {n} different search queries for the question below: other words, other sides of it. "
        "Write nothing else, and put each on a line of its own with its number before it.\nQuestion: {query}"
    )
    """The prompt; `{query}` is replaced by the query, and `{n}` by the number of wordings."""
    n: int = Field(default=4, ge=1)
    """The number of wordings per query."""
    with_query: bool = True
    """Whether the query itself is searched with too."""
    k: float = Field(default=60, ge=0)
    """The constant `k` of `fuse: rrf`."""
    max_tokens: int = Field(default=256, ge=1)
    """The maximum length of the answer with all wordings, in tokens."""

    @property
    def use(self) -> DraftUse:
        """Each wording is searched with, and the runs are fused."""
        return DraftUse("fuse", self.n, self.with_query, k=self.k)

    def prompt(self, query: str) -> str:
        """Return the prompt for a query."""
        return self.instruction.replace("{n}", str(self.n)).replace("{query}", query)

    def texts(self, replies: Sequence[str]) -> list[str]:
        """Return the first `n` lines of an answer."""
        return lines("\n".join(replies))[: self.n]


def lines(answer: str) -> list[str]:
    r"""Return the numbered lines of an answer without their numbers; if no line is numbered, all non-blank lines.

    >>> lines("Here they are:\n1. red fox\n2) den of a fox"), lines("red fox\n\nfox den\n")
    (['red fox', 'den of a fox'], ['red fox', 'fox den'])
    """
    numbered = [match[1] for line in answer.splitlines() if (match := NUMBERED.match(line))]
    return numbered or [line.strip() for line in answer.splitlines() if line.strip()]
