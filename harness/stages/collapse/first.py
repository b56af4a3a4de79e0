"""A document is as good as its beginning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.stage import Collapser, Runtime
from harness.stages.collapse.base import PassageGroups, collapse


class First(Collapser):
    """FirstP of Dai and Callan 2019, doi 10.1145/3331184.3331303, among the passages found.

    The passage that begins first in the document, of those that the run holds, gives its score. Where a run holds all
    passages that is the document's first one.
    """

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call collapses a Run of the passages."""
        starts = passages.starts

        def earliest(groups: PassageGroups) -> np.ndarray:
            order = np.lexsort((starts[groups.passages], groups.group))
            found: np.ndarray = groups.scores[order[groups.borders]]
            return found

        return lambda run: collapse(run, passages, earliest)
