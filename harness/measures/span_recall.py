"""Recall of the characters of gold spans, `span_recall@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import ratio
from harness.measures.kernel import span_kernel
from harness.measures.scoring.covered_spans import Covered


@span_kernel(version=1)
def span_recall(covered: Covered, k: int) -> np.ndarray:
    """Span recall: the gold characters in the first k passages, divided by all gold characters.

    Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval" (Chroma), who count tokens.
    """
    characters = covered.cut(k)
    return ratio(characters.common, characters.gold)
