"""The mean vector of each query's drafts, optionally including the query."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.base import Artifact
from harness.artifacts.vectors import Vectors
from harness.stage import DraftReader, Runtime

UNIT = 1e-3
"""The largest deviation from length 1 of a vector that counts as normalised."""


class DraftMean(DraftReader):
    """Averages the vectors of each query's drafts, and of the query if `with_query` (Gao et al. 2023).

    Equation 8 of https://arxiv.org/abs/2212.10496: (f(d1) + … + f(dn) + f(q)) / (n + 1). If all vectors of a query have
    length 1, the mean is scaled to length 1 too, so the vectors of a normalising encoder stay normalised.
    """

    takes: ClassVar[tuple[type[Artifact], ...]] = (Vectors,)
    gives: ClassVar[type[Artifact]] = Vectors

    def open(self, runtime: Runtime) -> Callable[..., Vectors]:
        """The call takes one Vectors per text of a query, all with the same rows."""

        def call(*parts: Vectors) -> Vectors:
            lengths = np.stack([np.linalg.norm(part.array, axis=1) for part in parts])
            unit = (np.abs(lengths - 1) < UNIT).all(axis=0)
            mean = sum(part.array.astype(np.float64) for part in parts) / len(parts)
            norms = np.linalg.norm(mean, axis=1)
            scale = np.where(unit & (norms > 0), norms, 1.0)
            return Vectors((mean / scale[:, None]).astype(np.float32), parts[0].rows)

        return call
