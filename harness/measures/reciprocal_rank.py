"""Reciprocal rank, `RR` or `RR@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def reciprocal_rank(hits: Hits, k: int | None = None, rel: Relevance = 1) -> np.ndarray:
    """Reciprocal rank: 1 divided by the rank of the first relevant document.

    A query without a relevant document among the first k scores 0. The mean over the queries is MRR.
    Source: Kantor and Voorhees 2000; trec_eval `recip_rank`; MS MARCO for the cut-off.
    """
    relevant = hits.cut(k).relevant(rel)
    first = relevant.keep(relevant.nth == 1)
    return first.total(1 / first.ranks)
