"""Normalised discounted cumulative gain, `nDCG` or `nDCG@k`."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from harness.errors import UserError, nearest
from harness.measures.hits import Hits, ratio
from harness.measures.kernel import kernel

HIGHEST = 1000
"""The highest grade that an exponential gain accepts: 2^1000 is close to the largest float64."""
GAINS = {"log2": lambda grades: grades, "exp-log2": lambda grades: np.exp2(grades) - 1}
"""The gain of a grade, by the value of `dcg`."""
Form = Annotated[str, "the gain: 'log2' for the grade itself, 'exp-log2' for 2^grade - 1"]


@kernel(version=1)
def ndcg(hits: Hits, k: int | None = None, dcg: Form = "log2") -> np.ndarray:
    """Normalised discounted cumulative gain: the sum of gain / log2(rank + 1), divided by that of the ideal order.

    The gain is the grade (Järvelin and Kekäläinen 2002; trec_eval `ndcg`, `ndcg_cut`), or 2^grade - 1 with
    `dcg='exp-log2'` (Burges et al. 2005). A negative grade has no gain. The ideal order has all judged documents,
    retrieved or not, truncated at k. A query without a positive grade scores 0. Raises UserError for an unknown `dcg`.
    """
    if dcg not in GAINS:
        raise UserError(f"dcg={dcg!r} is not a form of nDCG; {nearest(str(dcg), GAINS)}")
    return ratio(discounted_gain(hits.cut(k), dcg), discounted_gain(hits.ideal.cut(k), dcg))


def discounted_gain(hits: Hits, dcg: str) -> np.ndarray:
    """Return the DCG of each query, float64[queries]; UserError for a grade too high for an exponential gain."""
    if dcg != "log2" and hits.grades.max(initial=0) > HIGHEST:
        raise UserError(f"dcg={dcg!r} accepts grades up to {HIGHEST}, found {hits.grades.max()}")
    gains = GAINS[dcg](np.maximum(hits.grades, 0).astype(np.float64))
    return hits.total(gains / np.log2(hits.ranks + 1))
