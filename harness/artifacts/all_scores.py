"""The result of a search that scores all documents."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class AllScores(NamedTuple):
    """The score of every document for every query, equal to the score that a run would contain."""

    values: np.ndarray
    """The scores, float32[queries, documents]."""
    found: np.ndarray
    """Whether a run that is deep enough would contain the document, bool[queries, documents]."""
