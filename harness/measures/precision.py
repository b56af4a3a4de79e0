"""Precision, `P@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def precision(hits: Hits, k: int, rel: Relevance = 1) -> np.ndarray:
    """Precision: the relevant documents among the first k, divided by k.

    The denominator is k even if fewer documents were retrieved, and a query without relevant documents scores 0.
    Source: trec_eval `P`.
    """
    return hits.cut(k).relevant(rel).total() / k
