"""What a search gives that leaves no document out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class AllScores(NamedTuple):
    """The score of every document for every query, as a run would hold it."""

    values: np.ndarray
    """float32[queries, documents]."""
    found: np.ndarray
    """bool[queries, documents]: whether a run, deep enough, would hold the document."""
