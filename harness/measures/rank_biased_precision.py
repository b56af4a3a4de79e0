"""Rank-biased precision, `RBP(rel=1)` or `RBP(rel=1)@k`."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from harness.errors import UserError
from harness.measures.hits import Hits
from harness.measures.kernel import Relevance, kernel

Persistence = Annotated[float, "the probability that a reader goes on to the next rank"]


@kernel(version=1)
def rank_biased_precision(hits: Hits, *, k: int | None = None, rel: Relevance, p: Persistence = 0.8) -> np.ndarray:
    """Rank-biased precision: the relevant documents, weighted by the chance that a reader gets to their rank.

    The value is (1 - p) times the sum of p^(rank - 1) over the relevant documents. `rel` has no default, because RBP
    without it means graded gains in ir_measures. Raises UserError for a p outside (0, 1).
    Source: Moffat and Zobel 2008, with binary relevance.
    """
    if not 0 < p < 1:
        raise UserError(f"p={p}: the persistence must be between 0 and 1")
    relevant = hits.cut(k).relevant(rel)
    return (1 - p) * relevant.total(p ** (relevant.ranks - 1.0))
