"""What the ways to collapse share: the passages of a run gathered by document."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run


class PassageGroups(NamedTuple):
    """The passages that each query found, group by group: a group is one document of one query."""

    group: np.ndarray
    """int64[passages]: which group, ascending; within one the passages stand in the order of the run."""
    passages: np.ndarray
    """int32[passages]: rows of the passages."""
    scores: np.ndarray
    """float64[passages]."""
    borders: np.ndarray
    """int64[groups]: where each group begins."""


def collapse(run: Run, passages: Passages, score: Callable[[PassageGroups], np.ndarray]) -> Run:
    """Return the run of the documents, whose scores float64[groups] `score` makes of those of their passages."""
    held = run.documents != NONE
    rows, found = np.nonzero(held)[0], run.documents[held]
    parents = passages.parents[found]
    order = np.lexsort((parents, rows))
    rows, parents = rows[order], parents[order]
    first = np.flatnonzero(np.r_[True, (np.diff(rows) != 0) | (np.diff(parents) != 0)][: len(rows)])
    sizes = np.diff(np.r_[first, len(rows)])
    group = np.repeat(np.arange(len(first)), sizes)
    scores = score(PassageGroups(group, found[order], run.scores[held][order].astype(np.float64), first))
    query = rows[first]
    place = np.arange(len(first)) - np.searchsorted(query, query)
    width = int(place.max(initial=-1)) + 1
    documents = np.full((len(run), width), NONE, np.int32)
    marks = np.full((len(run), width), -np.inf)
    documents[query, place], marks[query, place] = parents[first], scores
    return Run.top(marks, width, documents=documents, rows=run.rows)
