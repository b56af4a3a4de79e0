"""The share of judged documents, `Judged@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import kernel


@kernel(version=1)
def judged(hits: Hits, k: int | None = None) -> np.ndarray:
    """Share of judged documents: those among the first k, divided by the documents retrieved there.

    The denominator is min(k, retrieved), not k: two documents of which one is judged score 0.5 at every k. A query
    that retrieved nothing scores 0. Source: ir_measures `Judged`.
    """
    retrieved = hits.retrieved if k is None else np.minimum(hits.retrieved, k)
    return ratio(hits.cut(k).total(), retrieved)
