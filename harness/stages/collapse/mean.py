"""A document is as good as the passages that were found of it are on average."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.stage import Collapser, Runtime
from harness.stages.collapse.base import PassageGroups, collapse


class Mean(Collapser):
    """The mean over the passages that the run holds, as `mean_passage` of PyTerrier takes it.

    A passage below the depth of the run is not counted, so the depth matters.
    """

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call collapses a Run of the passages."""
        return lambda run: collapse(run, passages, average)


def average(groups: PassageGroups) -> np.ndarray:
    """Return the mean score of each group."""
    found: np.ndarray = np.bincount(groups.group, groups.scores) / np.bincount(groups.group)
    return found
