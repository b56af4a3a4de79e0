"""An inverted index: the documents that contain each term, and the weight of the term in each of them."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from harness.artifacts.all_scores import AllScores
from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run


class WeightedQueries(NamedTuple):
    """Queries as compressed rows of terms with weights, which are multiplied by the weights of the postings."""

    starts: np.ndarray
    """int64[queries + 1]: where the terms of each query begin in the other two arrays."""
    terms: np.ndarray
    """int32: the number of the term."""
    weights: np.ndarray
    """The weight of the term in the query, of any numeric type; products are float64."""
    base: np.ndarray | None = None
    """float64[queries]: a constant that is added to every score of a query."""


class Postings:
    """Searches the postings of terms for the documents that score best for a weighted query.

    The scores of a query are summed in float64 in the order of its terms, separately for each query, so they do not
    depend on the other queries of a batch.
    """

    def __init__(self, starts: np.ndarray, documents: np.ndarray, weights: np.ndarray, size: int) -> None:
        """The postings of term i are `documents` int32 and `weights` float32 from `starts[i]` to `starts[i + 1]`.

        `size` is the number of documents in the collection.
        """
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
        """Tell whether an index consists of postings."""
        return {"starts", "documents", "weights"} <= index.arrays.keys()

    @property
    def nbytes(self) -> int:
        """The bytes of the documents and their weights, without the table of where each term begins."""
        return self.documents.nbytes + self.weights.nbytes

    def search(self, queries: WeightedQueries, depth: int, rows: range) -> Run:
        """Return the `depth` best documents of each query among those whose sum over its terms is above 0."""
        depth = min(depth, self.size)
        documents = np.full((len(rows), depth), NONE, np.int32)
        scores = np.full((len(rows), depth), -np.inf, np.float32)
        for row in range(len(rows)):
            totals = self._totals(queries, row)
            matches = np.flatnonzero(totals > 0).astype(np.int32)
            values = totals[matches]
            best = canonical_best(values, depth)
            documents[row, : len(best)] = matches[best]
            scores[row, : len(best)] = values[best] if queries.base is None else values[best] + queries.base[row]
        return Run.top(scores, depth, documents=documents, rows=rows)

    def all_scores(self, queries: WeightedQueries) -> AllScores:
        """Return the scores of all documents."""
        count = len(queries.starts) - 1
        totals = np.empty((count, self.size), np.float32)
        for row in range(count):
            totals[row] = self._totals(queries, row)
        values = totals if queries.base is None else (totals + queries.base[:, None]).astype(np.float32)
        return AllScores(values, totals > 0)

    def _totals(self, queries: WeightedQueries, row: int) -> np.ndarray:
        """Return the sum over the terms of one query for each document, float32[documents]."""
        entries = slice(queries.starts[row], queries.starts[row + 1])
        parts = [slice(self.starts[term], self.starts[term + 1]) for term in queries.terms[entries]]
        if not parts:
            return np.zeros(self.size, np.float32)
        documents = np.concatenate([self.documents[part] for part in parts])
        weights = queries.weights[entries]
        values = [self.weights[part] * np.float64(weight) for part, weight in zip(parts, weights, strict=True)]
        return np.bincount(documents, weights=np.concatenate(values), minlength=self.size).astype(np.float32)


def canonical_best(scores: np.ndarray, depth: int) -> np.ndarray:
    """Return the places of the `depth` highest scores, in no particular order; of equal scores the last are kept.

    >>> canonical_best(np.array([2.0, 1.0, 1.0, 0.5]), 2)
    array([0, 2])
    """
    if len(scores) <= depth:
        return np.arange(len(scores))
    border = np.partition(scores, len(scores) - depth)[len(scores) - depth]
    above = np.flatnonzero(scores > border)
    equal = np.flatnonzero(scores == border)
    return np.concatenate([above, equal[len(equal) - (depth - len(above)) :]])
