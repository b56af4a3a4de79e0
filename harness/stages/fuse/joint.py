"""Fusion of a lexical and a dense search by their scores of all documents, instead of their truncated runs."""

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
"""The number of queries scored together; ranking takes some 100 bytes per query and document."""


class Joint(ScoreFuser):
    """Ranks all documents by the weighted sum of the scores of a lexical and a dense search.

    The score is (1 - alpha) * first + alpha * second, a convex combination as in Bruch et al. 2023 (arXiv 2210.11934),
    but over the whole collection: a document that is not among the best of one search still gets its score from that
    search. A document that neither search would return at any depth is not retrieved. A search with weight 0 is not
    run.
    """

    alpha: float = Field(default=0.5, ge=0, le=1)
    """The weight of the second system in `of`, the dense one; the first has the weight 1 - alpha."""
    normalization: Normalization = "minmax"
    """How the scores of all documents for a query are brought to a common scale."""

    def over(self, searchers: Sequence[Stage]) -> Self:
        """Return the stage with two searchers.

        Raises ValueError if there are not exactly two, or if the first is dense and the second is not.
        """
        if len(searchers) != 2:
            raise ValueError(f"joins two systems, not {len(searchers)}")
        first, second = searchers
        if Vectors in first.takes and Vectors not in second.takes:
            raise ValueError("needs the lexical system first, of: [lexical, dense], because alpha weights the second")
        return super().over(searchers)

    def open(self, runtime: Runtime, *indexes: Index) -> Callable[..., Run]:
        """Open both searchers; the call takes the queries, or their vectors, of the first and of the second."""
        weights = (1 - self.alpha, self.alpha)
        arms = []
        for place, (recipe, index, weight) in enumerate(zip(self.searchers, indexes, weights, strict=True)):
            if weight:
                searcher = STAGES[recipe["stage"]].model_validate(recipe["settings"] | {"depth": self.depth})
                arms.append((place, weight, searcher.scores(runtime, index)))

        def search(*queries: Rows) -> Run:
            parts = [slice(start, start + QUERIES) for start in range(0, max(len(queries[0]), 1), QUERIES)]
            return Run.join([rank(*(rows.take(part) for rows in queries)) for part in parts])

        def rank(*queries: Any) -> Run:
            total, retrieved = np.zeros(1), np.zeros(1, dtype=bool)
            for place, weight, score in arms:
                scores = score(queries[place])
                total = total + weight * scaled(scores.values, self.normalization)
                retrieved = retrieved | scores.found
            return Run.top(np.where(retrieved, total, -np.inf), self.depth, rows=queries[0].rows)

        return search


def scaled(values: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Return the scores of all documents on a common scale, float64[queries, documents], for each query separately.

    minmax: (s - min) / (max - min). zscore: (s - mean) / standard deviation. Both are 0 if all scores are equal.
    """
    scores: np.ndarray = values.astype(np.float64)
    if normalization == "none" or not scores.size:
        return scores
    if normalization == "minmax":
        offset, width = scores.min(axis=1, keepdims=True), np.ptp(scores, axis=1, keepdims=True)
    else:
        offset, width = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True)
    result: np.ndarray = np.divide(scores - offset, width, out=np.zeros(scores.shape), where=width > 0)
    return result
