"""AP: precision at every relevant document."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import kernel


@kernel(version=1)
def average_precision(hits: Hits, k: int | None = None, rel: int = 1) -> np.ndarray:
    """Average precision: the mean over all relevant documents of the precision at their ranks, 0 for those not found.

    Source: Harman 1992; trec_eval `map` and `map_cut`, which divides by all relevant documents at every cutoff.
    """
    found = hits.cut(k).relevant(rel)
    return ratio(found.total(found.nth / found.ranks), hits.known(rel))
