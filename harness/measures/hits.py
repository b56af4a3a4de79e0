"""What a measure sees of a run: the judged documents that it found, where, and with which grade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class Hits:
    """The judged documents among those retrieved, ordered by query and then by rank; one entry each.

    Unjudged documents earn nothing in any measure, so they stand here only through the ranks and `retrieved`. The
    ideal run of the same queries has the same shape, see `ideal`.
    """

    rows: np.ndarray
    """int64[hits]: which query."""
    ranks: np.ndarray
    """int64[hits]: the place in the run, from 1."""
    grades: np.ndarray
    """int32[hits]: how the document was judged; may be zero or negative."""
    retrieved: np.ndarray
    """int64[queries]: how many documents the run holds, judged or not."""
    best: Hits | None = None
    """The run that holds every judged document of these queries, best grade first; None for that run itself."""

    @property
    def ideal(self) -> Hits:
        """The best run there could be."""
        return self if self.best is None else self.best

    def keep(self, where: np.ndarray) -> Self:
        """Return the hits of a boolean mask."""
        kept = (self.rows[where], self.ranks[where], self.grades[where])
        return type(self)(*kept, self.retrieved, self.ideal)

    def cut(self, k: int | None) -> Self:
        """Return the hits of the first `k` ranks; all of them for None."""
        return self if k is None else self.keep(self.ranks <= k)

    def relevant(self, rel: int) -> Self:
        """Return the hits of grade `rel` or better; UserError for a negative `rel`."""
        return self.keep(self.grades >= threshold(rel))

    def total(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Add up one weight a hit, or count the hits; float64[queries]."""
        return np.bincount(self.rows, weights, minlength=len(self.retrieved)).astype(np.float64)

    @property
    def nth(self) -> np.ndarray:
        """Number the hits of each query from 1, in the order of their ranks."""
        return nth_of_run(self.rows)

    def known(self, rel: int) -> np.ndarray:
        """Count the documents judged `rel` or better, found or not; float64[queries]."""
        return self.ideal.relevant(rel).total()


def nth_of_run(values: np.ndarray) -> np.ndarray:
    """Number equal neighbours from 1.

    >>> nth_of_run(np.array([0, 0, 3, 3, 3, 4])).tolist()
    [1, 2, 1, 2, 3, 1]
    """
    places = np.arange(len(values))
    return places - np.searchsorted(values, values) + 1


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide, with 0 where there is nothing to divide by (trec_eval's rule for a query without relevant documents)."""
    found: np.ndarray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return found


def threshold(rel: int) -> int:
    """Return the grade from which a document counts as relevant; UserError if it is negative."""
    if rel < 0:
        raise UserError(f"rel={rel}: a grade counts as relevant from 0 upwards, usually from 1")
    return rel
