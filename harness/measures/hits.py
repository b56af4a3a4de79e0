"""What a measure sees of a run: the judged documents that it retrieved, with their ranks and grades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class Hits:
    """The judged documents among those retrieved, one entry each, ordered by query and then by rank.

    Unjudged documents have no gain in any measure, so they matter only for the ranks and for `retrieved`. The ideal
    run of the same queries is `ideal`.
    """

    rows: np.ndarray
    """The row of the query of each hit; int64[hits]."""
    ranks: np.ndarray
    """The rank of each hit in the run, from 1; int64[hits]."""
    grades: np.ndarray
    """The grade of each hit, which may be zero or negative; int32[hits]."""
    retrieved: np.ndarray
    """The number of documents that the run has for each query, judged or not; int64[queries]."""
    best: Hits | None = None
    """All judged documents of these queries, best grade first; None if these hits are that run themselves."""

    @property
    def ideal(self) -> Hits:
        """All judged documents of these queries, best grade first."""
        return self if self.best is None else self.best

    def keep(self, where: np.ndarray) -> Self:
        """Return the hits selected by a mask, bool[hits]."""
        kept = (self.rows[where], self.ranks[where], self.grades[where])
        return type(self)(*kept, self.retrieved, self.ideal)

    def cut(self, k: int | None) -> Self:
        """Return the hits in the first `k` ranks, or all of them for None."""
        return self if k is None else self.keep(self.ranks <= k)

    def relevant(self, rel: int) -> Self:
        """Return the hits with a grade of at least `rel`; UserError for a negative `rel`."""
        return self.keep(self.grades >= threshold(rel))

    def total(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Sum the weights, float[hits], or count the hits of each query; float64[queries]."""
        return np.bincount(self.rows, weights, minlength=len(self.retrieved)).astype(np.float64)

    @property
    def nth(self) -> np.ndarray:
        """The number of each hit among the hits of its query, from 1 in the order of the ranks; int64[hits]."""
        return nth_of_run(self.rows)

    def known(self, rel: int) -> np.ndarray:
        """Count the documents of each query with a grade of at least `rel`, retrieved or not; float64[queries]."""
        return self.ideal.relevant(rel).total()


def nth_of_run(values: np.ndarray) -> np.ndarray:
    """Number the values of each run of equal neighbours from 1; int64[values].

    >>> nth_of_run(np.array([0, 0, 3, 3, 3, 4])).tolist()
    [1, 2, 1, 2, 3, 1]
    """
    places = np.arange(len(values))
    return places - np.searchsorted(values, values) + 1


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide float[queries], with 0 where `whole` is 0 (trec_eval's rule for a query without relevant documents)."""
    quotient: np.ndarray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return quotient


def threshold(rel: int) -> int:
    """Return the lowest grade that counts as relevant; UserError if it is negative."""
    if rel < 0:
        raise UserError(f"rel={rel}: the lowest relevant grade must be 0 or more, and is usually 1")
    return rel
