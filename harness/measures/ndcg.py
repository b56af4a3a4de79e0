"""nDCG: gain that fades with the rank, measured against the best possible order."""

from __future__ import annotations

import numpy as np

from harness.errors import UserError, nearest
from harness.measures.hits import Hits, ratio
from harness.measures.kernel import kernel

HIGHEST = 1000
"""The highest grade that an exponential gain can take in: 2 to that many is near the end of a float64."""
GAINS = {"log2": lambda grades: grades, "exp-log2": lambda grades: np.exp2(grades) - 1}


@kernel(version=1)
def ndcg(hits: Hits, k: int | None = None, dcg: str = "log2") -> np.ndarray:
    """Normalised discounted cumulative gain: the sum of gain / log2(rank + 1) over that of the ideal run.

    The gain is the grade (Järvelin and Kekäläinen 2002; trec_eval `ndcg`, `ndcg_cut`), or 2^grade - 1 for
    `dcg='exp-log2'` (Burges et al. 2005). A negative grade gains nothing. The ideal run holds all judged documents,
    retrieved or not, cut at k.
    """
    if dcg not in GAINS:
        raise UserError(f"dcg={dcg!r} is no form of nDCG; {nearest(str(dcg), GAINS)}")
    return ratio(discounted_gain(hits.cut(k), dcg), discounted_gain(hits.ideal.cut(k), dcg))


def discounted_gain(hits: Hits, dcg: str) -> np.ndarray:
    """Return the DCG of each query; UserError where a grade is beyond what an exponential gain can hold."""
    if dcg != "log2" and hits.grades.max(initial=0) > HIGHEST:
        raise UserError(f"dcg={dcg!r} takes grades up to {HIGHEST}, found {hits.grades.max()}")
    gains = GAINS[dcg](np.maximum(hits.grades, 0).astype(np.float64))
    return hits.total(gains / np.log2(hits.ranks + 1))
