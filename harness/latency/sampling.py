"""Which queries are timed, and in which blocks: drawn from a seed, spread over the lengths of their texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def choose_queries(texts: Sequence[str], limit: int, random: np.random.Generator) -> np.ndarray:
    """Return the rows of at most `limit` distinct texts, in ascending length; one is drawn from each length stratum."""
    distinct = np.unique(np.array(texts, dtype=object), return_index=True)[1]
    ranked = sorted(distinct.tolist(), key=lambda row: (len(texts[row]), row))
    strata = np.array_split(np.array(ranked), min(limit, len(ranked)))
    return np.array([random.choice(stratum) for stratum in strata])


def blocks_of(rows: np.ndarray, size: int, random: np.random.Generator) -> Iterator[list[int]]:
    """Yield blocks of about `size` queries without end; each round has every query once, each block all lengths.

    `rows` must be in ascending length. Each run of queries of similar length is dealt at random, one to each block.
    """
    count = max(1, round(len(rows) / size))
    runs = [rows[start : start + count] for start in range(0, len(rows), count)]
    while True:
        blocks: list[list[int]] = [[] for _ in range(count)]
        for run in runs:
            for block, query in zip(random.permutation(count).tolist(), run.tolist(), strict=False):
                blocks[block].append(query)
        for block in blocks:
            if block:
                yield random.permutation(block).tolist()
