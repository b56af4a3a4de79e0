"""Sum what several runs say of each document: the common half of every fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.errors import UserError


class Totals(NamedTuple):
    """The documents of each query, in no order, and the sum for each; the places left over hold NONE and -inf."""

    documents: np.ndarray
    """int32[queries, places]."""
    sums: np.ndarray
    """float64[queries, places]."""


def add_up(runs: Sequence[Run], shares: Sequence[np.ndarray], beside: np.ndarray | float = 0.0) -> Totals:
    """Sum the `shares` float64[queries, depth] of each run, document by document, in the order of the runs.

    A document that a run lacks gets nothing from it; every document gets `beside` float64[queries, 1]. The sums are
    float64. No query is treated by itself: all rows are sorted at once by (document, place), and what stands together
    is added up.
    """
    documents = np.concatenate([run.documents for run in runs], axis=1)
    values = np.concatenate(shares, axis=1)
    count, width = documents.shape
    if not width:
        return Totals(documents, values)
    keys = (documents.astype(np.int64) << 32) | np.arange(width, dtype=np.int64)
    keys.sort(axis=1)
    documents = (keys >> 32).astype(np.int32)
    values = np.take_along_axis(values, keys & 0xFFFFFFFF, axis=1)
    first = np.ones((count, width), dtype=bool)
    first[:, 1:] = documents[:, 1:] != documents[:, :-1]
    starts = np.flatnonzero(first)
    sums = np.full(count * width, -np.inf)
    sums[starts] = np.add.reduceat(values.ravel(), starts) if len(starts) else 0
    first &= documents != NONE
    sums = sums.reshape(count, width) + beside
    return Totals(np.where(first, documents, np.int32(NONE)), np.where(first, sums, -np.inf))


def best(totals: Totals, depth: int, rows: range) -> Run:
    """Rank documents by their sums, and keep the best."""
    return Run.top(totals.sums, depth, documents=totals.documents, rows=rows)


def weights_of(weights: Sequence[float] | None, runs: Sequence[Run], word: str) -> Sequence[float]:
    """Return one weight a run, 1 where none are said; UserError if they or the runs do not fit together."""
    if not runs:
        raise UserError(f"{word} needs at least one run")
    if len({run.rows for run in runs}) > 1:
        raise UserError(f"{word}: the runs answer different queries")
    if weights is not None and len(weights) != len(runs):
        raise UserError(f"{word}: there are {len(weights)} weights for {len(runs)} runs")
    return [1.0] * len(runs) if weights is None else weights
