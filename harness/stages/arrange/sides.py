"""Ordering the texts for readers that overlook the middle of a long context."""

from __future__ import annotations

from harness.artifacts.contexts import Context
from harness.stages.arrange.base import BudgetedArranger


class Sides(BudgetedArranger):
    """Puts the best texts at both ends and the worst in the middle, which readers overlook (Liu et al. 2023).

    Liu et al., "Lost in the Middle", arXiv 2307.03172. It takes the same texts as `top` and orders them as LangChain's
    LongContextReorder does: 1 3 5 4 2 for five texts, 2 4 3 1 for four.
    """

    def order(self, contexts: list[Context]) -> list[Context]:
        """Return every other context, the last one included, followed by the rest in reverse."""
        front = (len(contexts) + 1) % 2
        return contexts[front::2] + contexts[1 - front :: 2][::-1]
