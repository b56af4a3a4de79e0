"""Measures on characters: how much of the gold spans was retrieved, and how much else; for any way to cut documents.

Recall, precision and intersection over union of Smith and Troynikov 2024, "Evaluating Chunking Strategies for
Retrieval" (Chroma), on characters where they count tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.artifacts.run import Run
from harness.measures.gold_spans import Gold, Ranges
from harness.measures.hits import ratio
from harness.measures.kernel import Kernel
from harness.measures.ranked import Ranked


class Characters(NamedTuple):
    """Characters of the gold spans and of what was retrieved, float64[queries] each."""

    gold: np.ndarray
    retrieved: np.ndarray
    """Each character once, however many passages hold it."""
    common: np.ndarray
    """Of the gold ones, those that were retrieved."""
    read: np.ndarray
    """Characters of all passages retrieved: one that two of them hold counts twice."""


class Covered(NamedTuple):
    """A run of passages, and the gold spans that it is held against."""

    run: Run | Ranked
    """Its `rows` are rows of the queries."""
    gold: Gold

    def cut(self, k: int) -> Characters:
        """Count the characters of the first k ranks."""
        lists = self.run if isinstance(self.run, Ranked) else Ranked.of(self.run)
        gold, first, n = self.gold, self.run.rows.start, len(lists)
        here = np.flatnonzero((gold.rows >= first) & (gold.rows < first + n))
        rows, spans = gold.rows[here] - first, gold.spans.take(here)
        inside = lists.ranks <= k
        asked, read = lists.queries[inside], gold.passages.take(lists.documents[inside])
        both = Ranges(np.concatenate([spans.start, read.start]), np.concatenate([spans.end, read.end]))
        of_gold, of_read = _union(rows, spans, n, gold.size), _union(asked, read, n, gold.size)
        common = of_gold + of_read - _union(np.concatenate([rows, asked]), both, n, gold.size)
        return Characters(of_gold, of_read, common, np.bincount(asked, read.lengths, minlength=n))


def _union(rows: np.ndarray, ranges: Ranges, queries: int, size: int) -> np.ndarray:
    """Count the characters that the ranges of each query, on an axis of that size, cover together; float64[queries]."""
    begin, end = rows * size + ranges.start, rows * size + ranges.end  # no query reaches into the next
    order = np.argsort(begin, kind="stable")
    begin, end, rows = begin[order], end[order], rows[order]
    covered = np.concatenate([[0], np.maximum.accumulate(end)[:-1]])[: len(end)]
    return np.bincount(rows, np.clip(end - np.maximum(begin, covered), 0, None), minlength=queries)


class SpanMeasure(Kernel):
    """A kernel that looks at what a run Covers of spans, where others look at Hits."""


def span_measure(version: int) -> Callable[[Callable[..., np.ndarray]], SpanMeasure]:
    """Mark a function as a measure on characters. Raise `version` when it starts to give other values."""

    def mark(function: Callable[..., np.ndarray]) -> SpanMeasure:
        return SpanMeasure(function, version)

    return mark


@span_measure(version=1)
def span_recall(covered: Covered, k: int) -> np.ndarray:
    """Gold characters in the first k passages, over all gold characters."""
    found = covered.cut(k)
    return ratio(found.common, found.gold)


@span_measure(version=1)
def span_precision(covered: Covered, k: int, repeats: bool = False) -> np.ndarray:
    """Gold characters in the first k passages, over all characters of these; repeats=True counts overlap again."""
    found = covered.cut(k)
    return ratio(found.common, found.read if repeats else found.retrieved)


@span_measure(version=1)
def span_iou(covered: Covered, k: int, repeats: bool = False) -> np.ndarray:
    """Gold characters in the first k passages, over those that are gold or there; repeats=True counts overlap again."""
    found = covered.cut(k)
    return ratio(found.common, found.gold + (found.read if repeats else found.retrieved) - found.common)
