"""Summing the contributions of several runs to each document, which the built-in fusions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.errors import UserError


class Totals(NamedTuple):
    """The documents of each query, unordered, and their sums; empty places contain NONE and -inf."""

    documents: np.ndarray
    """int32[queries, places]: rows of the corpus."""
    sums: np.ndarray
    """float64[queries, places]."""


def add_up(runs: Sequence[Run], shares: Sequence[np.ndarray], base: np.ndarray | float = 0.0) -> Totals:
    """Sum the `shares` float64[queries, depth] of each run, document by document, in the order of the runs.

    A run adds nothing to the documents that it does not contain; `base` float64[queries, 1] is added to every document.
    All queries are processed at once: rows are sorted by (document, place), and neighbouring entries of the same
    document are summed.
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
    sums = sums.reshape(count, width) + base
    return Totals(np.where(first, documents, np.int32(NONE)), np.where(first, sums, -np.inf))


def best(totals: Totals, depth: int, rows: range) -> Run:
    """Return a Run of the `depth` documents with the highest sums."""
    return Run.top(totals.sums, depth, documents=totals.documents, rows=rows)


def weights_of(weights: Sequence[float] | None, runs: Sequence[Run], word: str) -> Sequence[float]:
    """Return one weight per run, by default 1.

    Raises UserError if there are no runs, if they are for different queries, or if the number of weights is wrong.
    """
    if not runs:
        raise UserError(f"{word} needs at least one run")
    if len({run.rows for run in runs}) > 1:
        raise UserError(f"{word}: the runs are for different queries")
    if weights is not None and len(weights) != len(runs):
        raise UserError(f"{word}: there are {len(weights)} weights for {len(runs)} runs")
    return [1.0] * len(runs) if weights is None else weights
