"""A document is scored by the mean of its retrieved passages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.stage import Collapser, Runtime
from harness.stages.collapse.base import PassageGroups, collapse


class Mean(Collapser):
    """Scores a document by the mean score of its retrieved passages, as PyTerrier's `mean_passage` does.

    Passages below the depth of the run are not counted, so the depth matters.
    """

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call collapses a Run of the passages."""
        return lambda run: collapse(run, passages, average)


def average(groups: PassageGroups) -> np.ndarray:
    """Return the mean score of each group."""
    means: np.ndarray = np.bincount(groups.group, groups.scores) / np.bincount(groups.group)
    return means
