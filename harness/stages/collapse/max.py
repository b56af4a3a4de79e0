"""A document is as good as its best passage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.stage import Collapser, Runtime
from harness.stages.collapse.base import PassageGroups, collapse


class Max(Collapser):
    """MaxP of Dai and Callan 2019, doi 10.1145/3331184.3331303."""

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call collapses a Run of the passages."""
        return lambda run: collapse(run, passages, best)


def best(groups: PassageGroups) -> np.ndarray:
    """Return the highest score of each group; the passages of one stand best first."""
    found: np.ndarray = groups.scores[groups.borders]
    return found
