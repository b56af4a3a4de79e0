"""An inverted index: for every term the documents that hold it, and how much it weighs in each."""

from __future__ import annotations

from typing import Self

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.lexicon import Counts


class Postings:
    """Weights float32 of terms in documents, and the search for the documents that fit a weighted query best.

    A query's scores are added up in float64 in the order of its terms, each query by itself; so they do not depend on
    the queries around it.
    """

    def __init__(self, starts: np.ndarray, documents: np.ndarray, weights: np.ndarray, size: int) -> None:
        self.starts = np.asarray(starts)
        self.documents = np.asarray(documents)
        self.weights = np.asarray(weights)
        self.size = size

    @classmethod
    def of(cls, index: Index) -> Self:
        """Read the postings of an index."""
        arrays = index.arrays
        return cls(arrays["starts"], arrays["documents"], arrays["weights"], index.facts["documents"])

    def search(
        self, asked: Counts, weights: np.ndarray, depth: int, *, rows: range, base: np.ndarray | None = None
    ) -> Run:
        """Return the documents whose score is above 0. `weights` weigh the terms `asked`; `base` is added to scores."""
        depth = min(depth, self.size)
        documents = np.full((len(rows), depth), NONE, np.int32)
        scores = np.full((len(rows), depth), -np.inf, np.float32)
        for row in range(len(rows)):
            part = slice(asked.starts[row], asked.starts[row + 1])
            found, values = self._score(asked.terms[part], weights[part])
            best = canonical_best(values, depth)
            documents[row, : len(best)] = found[best]
            scores[row, : len(best)] = values[best] if base is None else values[best] + base[row]
        return Run.top(scores, depth, documents=documents, rows=rows)

    def _score(self, terms: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [slice(self.starts[term], self.starts[term + 1]) for term in terms]
        if not parts:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        documents = np.concatenate([self.documents[part] for part in parts])
        values = [self.weights[part] * np.float64(weight) for part, weight in zip(parts, weights, strict=True)]
        totals = np.bincount(documents, weights=np.concatenate(values), minlength=self.size).astype(np.float32)
        found = np.flatnonzero(totals > 0).astype(np.int32)
        return found, totals[found]


def canonical_best(scores: np.ndarray, depth: int) -> np.ndarray:
    """Return where the `depth` best stand, in no order; among equals at the border the last stay.

    >>> canonical_best(np.array([2.0, 1.0, 1.0, 0.5]), 2)
    array([0, 2])
    """
    if len(scores) <= depth:
        return np.arange(len(scores))
    border = np.partition(scores, len(scores) - depth)[len(scores) - depth]
    above = np.flatnonzero(scores > border)
    level = np.flatnonzero(scores == border)
    return np.concatenate([above, level[len(level) - (depth - len(above)) :]])
