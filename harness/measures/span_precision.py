"""Precision of the characters read, `span_precision@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import ratio
from harness.measures.kernel import Repeats, span_kernel
from harness.measures.scoring.covered_spans import Covered


@span_kernel(version=1)
def span_precision(covered: Covered, k: int, repeats: Repeats = False) -> np.ndarray:
    """Span precision: the gold characters in the first k passages, divided by all characters of these passages.

    A character that several passages contain counts once, or once per passage with `repeats=True`. A query for which
    nothing was retrieved scores 0. Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval"
    (Chroma), with `repeats=True` and on tokens.
    """
    characters = covered.cut(k)
    return ratio(characters.common, characters.read if repeats else characters.retrieved)
