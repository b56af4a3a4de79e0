"""Choose among candidates by their mean score, over all queries or by cross-validation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.errors import UserError

DIGITS = 12
"""Decimals in which means are compared: another processor's last bits choose nothing else."""


class Choice(NamedTuple):
    """Which candidate answers which query, and the means that decided it."""

    chosen: np.ndarray
    """int[folds], or int[1] where all queries get the same."""
    means: np.ndarray
    """float64[folds, candidates]: of the queries that a fold was chosen by."""
    counts: np.ndarray
    """int[folds]: how many judged queries these are."""
    fold: np.ndarray | None
    """int[queries]; None where the queries to answer are others than those chosen by."""

    def of(self, rows: range) -> np.ndarray:
        """Return the candidate of each of these queries."""
        if self.fold is None:
            return np.full(len(rows), self.chosen[0])
        return np.asarray(self.chosen[self.fold[rows.start : rows.stop]])


def choose(values: np.ndarray, folds: int | None = None, seed: int = 0) -> Choice:
    """Choose the candidate with the highest mean of `values` float64[queries, candidates]; the first of equal ones.

    NaN marks a query that nothing judges. With `folds` the queries are dealt out by a seeded permutation, and what is
    chosen for a fold rests on the queries of the others alone. Raises UserError where no judged query is left.
    """
    judged = ~np.isnan(values).any(axis=1)
    fold = None if folds is None else np.random.default_rng(seed).permutation(len(values)) % folds
    learned = [judged] if fold is None else [judged & (fold != part) for part in range(folds or 0)]
    if not all(part.any() for part in learned):
        raise UserError("tune: no judged query is left to choose by")
    means = np.stack([values[part].mean(axis=0) for part in learned])
    counts = np.array([part.sum() for part in learned])
    return Choice(np.round(means, DIGITS).argmax(axis=1), means, counts, fold)
