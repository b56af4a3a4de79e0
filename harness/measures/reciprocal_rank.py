"""RR: how far down the first relevant document stands."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits
from harness.measures.kernel import kernel


@kernel(version=1)
def reciprocal_rank(hits: Hits, k: int | None = None, rel: int = 1) -> np.ndarray:
    """One over the rank of the first relevant document, 0 if none stands in the first k ranks.

    Source: Kantor and Voorhees 2000; trec_eval `recip_rank`, with a cutoff as MS MARCO has it. Its mean is MRR.
    """
    found = hits.cut(k).relevant(rel)
    first = found.keep(found.nth == 1)
    return first.total(1 / first.ranks)
