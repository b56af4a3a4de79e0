"""Recall, `R@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def recall(hits: Hits, k: int, rel: Relevance = 1) -> np.ndarray:
    """Recall: the relevant documents among the first k, divided by all relevant documents.

    Relevant documents that the corpus lacks count in the denominator. A query without relevant documents scores 0.
    Source: trec_eval `recall`.
    """
    return ratio(hits.cut(k).relevant(rel).total(), hits.known(rel))
