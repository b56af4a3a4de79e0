"""The characters of gold spans that a run of passages covers, whatever way the documents were chunked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.artifacts.run import Run
from harness.measures.scoring.gold_spans import Gold, Ranges
from harness.measures.scoring.ranked import Ranked


class Characters(NamedTuple):
    """Numbers of characters, float64[queries] each."""

    gold: np.ndarray
    """The characters of the gold spans."""
    retrieved: np.ndarray
    """The characters of the passages, each once, however many passages contain it."""
    common: np.ndarray
    """The gold characters that were retrieved."""
    read: np.ndarray
    """The characters of the passages, once for each passage that contains them."""


class Covered(NamedTuple):
    """A run of passages, and the gold spans to compare it with."""

    run: Run | Ranked
    """The run; its `rows` are rows of the queries."""
    gold: Gold

    def cut(self, k: int) -> Characters:
        """Count the characters of the passages in the first k ranks."""
        lists = self.run if isinstance(self.run, Ranked) else Ranked.of(self.run)
        gold, first, n = self.gold, self.run.rows.start, len(lists)
        mine = np.flatnonzero((gold.rows >= first) & (gold.rows < first + n))
        gold_rows, spans = gold.rows[mine] - first, gold.spans.take(mine)
        inside = lists.ranks <= k
        read_rows, read = lists.queries[inside], gold.passages.take(lists.documents[inside])
        both = Ranges(np.concatenate([spans.start, read.start]), np.concatenate([spans.end, read.end]))
        of_gold, of_read = _union(gold_rows, spans, n, gold.size), _union(read_rows, read, n, gold.size)
        common = of_gold + of_read - _union(np.concatenate([gold_rows, read_rows]), both, n, gold.size)
        return Characters(of_gold, of_read, common, np.bincount(read_rows, read.lengths, minlength=n))


def _union(rows: np.ndarray, ranges: Ranges, queries: int, size: int) -> np.ndarray:
    """Count the characters that the ranges of each query, on an axis of that size, cover together; float64[queries]."""
    begin, end = rows * size + ranges.start, rows * size + ranges.end  # so that no query overlaps the next
    order = np.argsort(begin, kind="stable")
    begin, end, rows = begin[order], end[order], rows[order]
    covered = np.concatenate([[0], np.maximum.accumulate(end)[:-1]])[: len(end)]
    return np.bincount(rows, np.clip(end - np.maximum(begin, covered), 0, None), minlength=queries)
