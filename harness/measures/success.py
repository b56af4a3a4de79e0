"""Success, `Success@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def success(hits: Hits, k: int, rel: Relevance = 1) -> np.ndarray:
    """Success, or hit rate: 1 if any of the first k documents is relevant, otherwise 0.

    Other tools call it "hit rate", "top-k accuracy" or even "recall@k". Source: trec_eval `success`.
    """
    return (hits.cut(k).relevant(rel).total() > 0).astype(np.float64)
