"""RBP: a reader who goes on to the next rank with a fixed probability."""

from __future__ import annotations

import numpy as np

from harness.errors import UserError
from harness.measures.hits import Hits
from harness.measures.kernel import kernel


@kernel(version=1)
def rank_biased_precision(hits: Hits, *, k: int | None = None, rel: int, p: float = 0.8) -> np.ndarray:
    """Rank-biased precision: (1 - p) times the sum of p^(rank - 1) over the relevant documents.

    Source: Moffat and Zobel 2008, binary. `rel` must be said: in ir_measures RBP without it means graded gains.
    """
    if not 0 < p < 1:
        raise UserError(f"p={p}: the persistence lies between 0 and 1")
    found = hits.cut(k).relevant(rel)
    return (1 - p) * found.total(p ** (found.ranks - 1.0))
