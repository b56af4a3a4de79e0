"""One search by two scores: a weighted sum over all documents, not over two lists that were cut before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from harness.artifacts.base import Rows
from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.registry import STAGES
from harness.stage import Runtime, ScoreFuser, Stage

Normalization = Literal["minmax", "zscore", "none"]
QUERIES = 4
"""Queries that are scored together: each takes some 100 bytes a document while it is ranked."""


class Joint(ScoreFuser):
    """Rank all documents by (1 - alpha) * first + alpha * second; of a lexical and a dense system the lexical is first.

    A convex combination, as in Bruch et al. 2023 (arXiv 2210.11934), but of the scores of the whole collection: a
    document that one of the two alone would not find among its best still gets that one's score. A document that
    neither would find, however deep, is not found; a system that weighs 0 is not asked.
    """

    alpha: float = Field(default=0.5, ge=0, le=1)
    """The weight of the second system."""
    normalization: Normalization = "minmax"
    """How the scores of all documents for a query come to a common scale."""

    def over(self, searchers: Sequence[Stage]) -> Self:
        """Take two searchers. ValueError where there are others than two, or the dense one stands first."""
        if len(searchers) != 2:
            raise ValueError(f"joins two systems, not {len(searchers)}")
        first, second = searchers
        if Vectors in first.takes and Vectors not in second.takes:
            raise ValueError("weighs the second system by alpha: name the lexical one first, of: [lexical, dense]")
        return super().over(searchers)

    def open(self, runtime: Runtime, *indexes: Index) -> Callable[..., Run]:
        """Open both searchers; the call takes the queries, or their vectors, of the first and of the second."""
        weights = (1 - self.alpha, self.alpha)
        arms = []
        for place, (said, index, weight) in enumerate(zip(self.searchers, indexes, weights, strict=True)):
            if weight:
                searcher = STAGES[said["stage"]].model_validate(said["settings"] | {"depth": self.depth})
                arms.append((place, weight, searcher.scores(runtime, index)))

        def search(*asked: Rows) -> Run:
            parts = [slice(start, start + QUERIES) for start in range(0, max(len(asked[0]), 1), QUERIES)]
            return Run.join([rank(*(queries.take(part) for queries in asked)) for part in parts])

        def rank(*asked: Any) -> Run:
            total, found = np.zeros(1), np.zeros(1, dtype=bool)
            for place, weight, scores in arms:
                given = scores(asked[place])
                total = total + weight * scaled(given.values, self.normalization)
                found = found | given.found
            return Run.top(np.where(found, total, -np.inf), self.depth, rows=asked[0].rows)

        return search


def scaled(values: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Return the scores of all documents on a common scale, float64[queries, documents], each query by itself.

    minmax: (s - min) / (max - min). zscore: (s - mean) / deviation. Where all scores are equal both give 0.
    """
    scores: np.ndarray = values.astype(np.float64)
    if normalization == "none" or not scores.size:
        return scores
    if normalization == "minmax":
        offset, width = scores.min(axis=1, keepdims=True), np.ptp(scores, axis=1, keepdims=True)
    else:
        offset, width = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True)
    found: np.ndarray = np.divide(scores - offset, width, out=np.zeros(scores.shape), where=width > 0)
    return found
