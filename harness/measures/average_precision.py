"""Average precision, `AP` or `AP@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def average_precision(hits: Hits, k: int | None = None, rel: Relevance = 1) -> np.ndarray:
    """Average precision: the mean of the precision at the rank of each relevant document, 0 if not retrieved.

    The mean is over all relevant documents at every cut-off, as in trec_eval. A query without relevant documents
    scores 0. Source: Harman 1992; trec_eval `map` and `map_cut`.
    """
    relevant = hits.cut(k).relevant(rel)
    return ratio(relevant.total(relevant.nth / relevant.ranks), hits.known(rel))
