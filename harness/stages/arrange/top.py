"""The texts in run order, as many as fit the budget."""

from __future__ import annotations

from harness.stages.arrange.base import BudgetedArranger


class Top(BudgetedArranger):
    """Keeps the best texts, in run order, until the token budget is spent."""
