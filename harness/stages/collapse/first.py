"""FirstP: a document is scored by its beginning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.stage import Collapser, Runtime
from harness.stages.collapse.base import PassageGroups, collapse


class First(Collapser):
    """Scores a document by the retrieved passage that comes first in it (FirstP, Dai and Callan 2019).

    doi 10.1145/3331184.3331303. If the run contains all passages, that is the first passage of the document.
    """

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call collapses a Run of the passages."""
        starts = passages.starts

        def earliest(groups: PassageGroups) -> np.ndarray:
            order = np.lexsort((starts[groups.passages], groups.group))
            scores: np.ndarray = groups.scores[order[groups.starts]]
            return scores

        return lambda run: collapse(run, passages, earliest)
