"""The best at both ends, the worst in the middle, where readers overlook what stands there."""

from __future__ import annotations

from harness.artifacts.contexts import Context
from harness.stages.arrange.base import BudgetedArranger


class Sides(BudgetedArranger):
    """Against what Liu et al. 2023, "Lost in the Middle" (arXiv 2307.03172), found of long contexts.

    It takes what `top` takes, in the order of LangChain's LongContextReorder: of five 1 3 5 4 2, of four 2 4 3 1.
    """

    def order(self, contexts: list[Context]) -> list[Context]:
        """Put every other text, the last one among them, in front, and the rest behind them, from its end."""
        front = (len(contexts) + 1) % 2
        return contexts[front::2] + contexts[1 - front :: 2][::-1]
