"""An inverted index: for every term the documents that hold it, and how much it weighs in each."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from harness.artifacts.all_scores import AllScores
from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run


class WeightedQueries(NamedTuple):
    """Weighted queries: rows of terms, whose weights multiply those of the postings."""

    starts: np.ndarray
    """int64[queries + 1]: where each query's terms begin in the other two."""
    terms: np.ndarray
    """int32: the number of the term."""
    weights: np.ndarray
    """Numbers of any kind; they are multiplied as float64."""
    base: np.ndarray | None = None
    """float64[queries]: what is added to every score of a query."""


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

    @staticmethod
    def are_in(index: Index) -> bool:
        """Tell whether an index is made of postings."""
        return {"starts", "documents", "weights"} <= index.arrays.keys()

    @property
    def nbytes(self) -> int:
        """What the documents and their weights take, without the table of where each term begins."""
        return self.documents.nbytes + self.weights.nbytes

    def search(self, asked: WeightedQueries, depth: int, rows: range) -> Run:
        """Return the documents to which the terms of a query give more than 0."""
        depth = min(depth, self.size)
        documents = np.full((len(rows), depth), NONE, np.int32)
        scores = np.full((len(rows), depth), -np.inf, np.float32)
        for row in range(len(rows)):
            totals = self._totals(asked, row)
            found = np.flatnonzero(totals > 0).astype(np.int32)
            values = totals[found]
            best = canonical_best(values, depth)
            documents[row, : len(best)] = found[best]
            scores[row, : len(best)] = values[best] if asked.base is None else values[best] + asked.base[row]
        return Run.top(scores, depth, documents=documents, rows=rows)

    def all_scores(self, asked: WeightedQueries) -> AllScores:
        """Return the scores of all documents."""
        count = len(asked.starts) - 1
        totals = np.empty((count, self.size), np.float32)
        for row in range(count):
            totals[row] = self._totals(asked, row)
        values = totals if asked.base is None else (totals + asked.base[:, None]).astype(np.float32)
        return AllScores(values, totals > 0)

    def _totals(self, asked: WeightedQueries, row: int) -> np.ndarray:
        """Return what the terms of a query give to each document, float32[documents]."""
        here = slice(asked.starts[row], asked.starts[row + 1])
        parts = [slice(self.starts[term], self.starts[term + 1]) for term in asked.terms[here]]
        if not parts:
            return np.zeros(self.size, np.float32)
        documents = np.concatenate([self.documents[part] for part in parts])
        weights = asked.weights[here]
        values = [self.weights[part] * np.float64(weight) for part, weight in zip(parts, weights, strict=True)]
        return np.bincount(documents, weights=np.concatenate(values), minlength=self.size).astype(np.float32)


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
