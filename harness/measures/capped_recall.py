"""Capped recall, `R_cap@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def capped_recall(hits: Hits, k: int, rel: Relevance = 1) -> np.ndarray:
    """Capped recall: the relevant documents among the first k, divided by k or by all of them, if fewer.

    The denominator is min(k, R), where R is the number of relevant documents, so that a perfect run always scores 1.
    A query without relevant documents scores 0. Source: Thakur et al. 2021, BEIR `R_cap`.
    """
    return ratio(hits.cut(k).relevant(rel).total(), np.minimum(hits.known(rel), k))
