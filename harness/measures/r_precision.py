"""R-precision, `Rprec`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import Hits, ratio
from harness.measures.kernel import Relevance, kernel


@kernel(version=1)
def r_precision(hits: Hits, rel: Relevance = 1) -> np.ndarray:
    """R-precision: the precision at rank R, where R is the number of relevant documents of the query.

    Relevant documents that the corpus lacks count in R. A query without relevant documents scores 0.
    Source: trec_eval `Rprec`.
    """
    known, relevant = hits.known(rel), hits.relevant(rel)
    return ratio(relevant.keep(relevant.ranks <= known[relevant.rows]).total(), known)
