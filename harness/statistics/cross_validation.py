"""Chooses among candidates by their mean value, over all queries or by cross-validation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.errors import UserError

DIGITS = 12
"""The number of decimals in which means are compared, so that rounding on another processor changes no choice."""


class Choice(NamedTuple):
    """The candidate for each query, and the means that decided it."""

    chosen: np.ndarray
    """The candidate of each fold, int[folds]; int[1] if all queries get the same."""
    means: np.ndarray
    """The mean of each candidate over the queries that decided a fold; float64[folds, candidates]."""
    counts: np.ndarray
    """The number of judged queries that decided each fold; int[folds]."""
    fold: np.ndarray | None
    """The fold of each query, int[queries]; None if all queries get the same."""

    def of(self, rows: range) -> np.ndarray:
        """Return the candidate of each of these queries; int[rows]."""
        if self.fold is None:
            return np.full(len(rows), self.chosen[0])
        return np.asarray(self.chosen[self.fold[rows.start : rows.stop]])


def choose(values: np.ndarray, folds: int | None = None, seed: int = 0) -> Choice:
    """Choose the candidate with the highest mean of `values` float64[queries, candidates]; the first of equal ones.

    NaN marks a query that is not judged. With `folds`, a seeded permutation assigns the queries to folds, and the
    queries of the other folds alone decide the candidate of a fold. Raises UserError if no judged query is left.
    """
    judged = ~np.isnan(values).any(axis=1)
    fold = None if folds is None else np.random.default_rng(seed).permutation(len(values)) % folds
    deciding = [judged] if fold is None else [judged & (fold != part) for part in range(folds or 0)]
    if not all(queries.any() for queries in deciding):
        raise UserError("tune: there is no judged query left to choose by")
    means = np.stack([values[queries].mean(axis=0) for queries in deciding])
    counts = np.array([queries.sum() for queries in deciding])
    return Choice(np.round(means, DIGITS).argmax(axis=1), means, counts, fold)
