"""P, R, R_cap, Rprec, Success, Judged: measures that count documents and ask no more of the ranks than a cutoff."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import kernel


@kernel(version=1)
def precision(hits: Hits, k: int, rel: int = 1) -> np.ndarray:
    """Relevant documents in the first k ranks, over k, however few were retrieved (trec_eval `P`)."""
    return hits.cut(k).relevant(rel).total() / k


@kernel(version=1)
def recall(hits: Hits, k: int, rel: int = 1) -> np.ndarray:
    """Relevant documents in the first k ranks, over all relevant documents (trec_eval `recall`)."""
    return ratio(hits.cut(k).relevant(rel).total(), hits.known(rel))


@kernel(version=1)
def capped_recall(hits: Hits, k: int, rel: int = 1) -> np.ndarray:
    """Relevant documents in the first k ranks, over those that k ranks can hold (Thakur et al. 2021, BEIR `R_cap`)."""
    return ratio(hits.cut(k).relevant(rel).total(), np.minimum(hits.known(rel), k))


@kernel(version=1)
def r_precision(hits: Hits, rel: int = 1) -> np.ndarray:
    """Precision at R, where R is the number of the query's relevant documents (trec_eval `Rprec`)."""
    known, found = hits.known(rel), hits.relevant(rel)
    return ratio(found.keep(found.ranks <= known[found.rows]).total(), known)


@kernel(version=1)
def success(hits: Hits, k: int, rel: int = 1) -> np.ndarray:
    """1 if a relevant document stands in the first k ranks, else 0 (trec_eval `success`; elsewhere "hit rate")."""
    return (hits.cut(k).relevant(rel).total() > 0).astype(np.float64)


@kernel(version=1)
def judged(hits: Hits, k: int | None = None) -> np.ndarray:
    """Judged documents in the first k ranks, over those retrieved there (ir_measures `Judged`), 0 if there are none.

    The denominator is min(k, retrieved), not k: two documents of which one is judged give 0.5 at every k.
    """
    retrieved = hits.retrieved if k is None else np.minimum(hits.retrieved, k)
    return ratio(hits.cut(k).total(), retrieved)
