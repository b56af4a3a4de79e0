"""The best first, as many as the budget holds."""

from __future__ import annotations

from harness.stages.arrange.base import BudgetedArranger


class Top(BudgetedArranger):
    """What was found, in the order of the run."""
