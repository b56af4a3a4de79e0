"""Intersection over union of gold characters and characters read, `span_iou@k`."""

from __future__ import annotations

import numpy as np

from harness.measures.hits import ratio
from harness.measures.kernel import Repeats, span_kernel
from harness.measures.scoring.covered_spans import Covered


@span_kernel(version=1)
def span_iou(covered: Covered, k: int, repeats: Repeats = False) -> np.ndarray:
    """Span IoU: the gold characters in the first k passages, divided by those that are gold or in these passages.

    A character that several passages contain counts once, or once per passage with `repeats=True`.
    Source: Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval" (Chroma), with `repeats=True`
    and on tokens.
    """
    characters = covered.cut(k)
    read = characters.read if repeats else characters.retrieved
    return ratio(characters.common, characters.gold + read - characters.common)
