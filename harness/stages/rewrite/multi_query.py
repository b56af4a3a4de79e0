"""Several wordings of each query, searched with one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from harness.stage import DraftUse
from harness.stages.rewrite.base import LanguageRewriter

NUMBERED = re.compile(r"\s*(?:\d+\s*[.):]|[-*•])\s+(.*\S)")


class MultiQuery(LanguageRewriter):
    """Have `n` other wordings of each query written; each is searched with, and the runs are joined by `fuse: rrf`.

    RAG-Fusion: Rackauckas 2024, https://arxiv.org/abs/2402.03367. The wordings are the numbered lines of one answer, so
    that the model knows those before; where none is numbered, all lines. What follows the search sees the query itself.
    """

    instruction: str = (
        "Write {n} different search queries for the question below: other words, other sides of it. "
        "Write nothing else, and put each on a line of its own with its number before it.\nQuestion: {query}"
    )
    """What the model is asked for each query, which stands in the place of `{query}`, as the number does of `{n}`."""
    n: int = Field(default=4, ge=1)
    """How many wordings are asked for."""
    with_query: bool = True
    """Whether the query itself is searched with too."""
    k: float = Field(default=60, ge=0)
    """That of `fuse: rrf`."""
    max_tokens: int = Field(default=256, ge=1)
    """That all wordings of a query have at most."""

    @property
    def use(self) -> DraftUse:
        """Each is searched with, and the runs are fused."""
        return DraftUse("fuse", self.n, self.with_query, k=self.k)

    def prompt(self, query: str) -> str:
        """Return what the model is asked about a query."""
        return self.instruction.replace("{n}", str(self.n)).replace("{query}", query)

    def texts(self, replies: Sequence[str]) -> list[str]:
        """Return the first `n` lines of an answer."""
        return lines("\n".join(replies))[: self.n]


def lines(answer: str) -> list[str]:
    r"""Return the numbered lines of an answer, without their numbers; all that are not blank where none has one.

    >>> lines("Here they are:\n1. red fox\n2) den of a fox"), lines("red fox\n\nfox den\n")
    (['red fox', 'den of a fox'], ['red fox', 'fox den'])
    """
    found = [match[1] for line in answer.splitlines() if (match := NUMBERED.match(line))]
    return found or [line.strip() for line in answer.splitlines() if line.strip()]
