"""Grouping the passages of a run by document, which all collapsers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run


class PassageGroups(NamedTuple):
    """The retrieved passages of all queries, by group: a group is one document of one query."""

    group: np.ndarray
    """int64[passages]: the group of each passage, ascending; within a group, passages are in run order."""
    passages: np.ndarray
    """int32[passages]: the rows of the passages."""
    scores: np.ndarray
    """float64[passages]: the scores of the passages."""
    starts: np.ndarray
    """int64[groups]: the index of the first passage of each group."""


def collapse(run: Run, passages: Passages, score: Callable[[PassageGroups], np.ndarray]) -> Run:
    """Return the run of the documents; `score` returns float64[groups], one score per document of a query."""
    filled = run.documents != NONE
    rows, retrieved = np.nonzero(filled)[0], run.documents[filled]
    parents = passages.parents[retrieved]
    order = np.lexsort((parents, rows))
    rows, parents = rows[order], parents[order]
    first = np.flatnonzero(np.r_[True, (np.diff(rows) != 0) | (np.diff(parents) != 0)][: len(rows)])
    sizes = np.diff(np.r_[first, len(rows)])
    group = np.repeat(np.arange(len(first)), sizes)
    scores = score(PassageGroups(group, retrieved[order], run.scores[filled][order].astype(np.float64), first))
    query = rows[first]
    place = np.arange(len(first)) - np.searchsorted(query, query)
    width = int(place.max(initial=-1)) + 1
    documents = np.full((len(run), width), NONE, np.int32)
    table = np.full((len(run), width), -np.inf)
    documents[query, place], table[query, place] = parents[first], scores
    return Run.top(table, width, documents=documents, rows=run.rows)
