"""Which queries are timed, and in which blocks: drawn from a seed, spread over the lengths of their texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def choose_queries(texts: Sequence[str], most: int, random: np.random.Generator) -> np.ndarray:
    """Return rows of distinct texts, `most` at most, in ascending length: one at random from each of as many strata."""
    distinct = np.unique(np.array(texts, dtype=object), return_index=True)[1]
    ranked = sorted(distinct.tolist(), key=lambda row: (len(texts[row]), row))
    strata = np.array_split(np.array(ranked), min(most, len(ranked)))
    return np.array([random.choice(stratum) for stratum in strata])


def blocks_of(rows: np.ndarray, size: int, random: np.random.Generator) -> Iterator[list[int]]:
    """Give blocks of about `size` queries without end: a round has each query once, a block those of all lengths.

    `rows` come in ascending length. Each run of neighbours in length is dealt out at random, one to a block.
    """
    count = max(1, round(len(rows) / size))
    runs = [rows[start : start + count] for start in range(0, len(rows), count)]
    while True:
        dealt: list[list[int]] = [[] for _ in range(count)]
        for run in runs:
            for block, query in zip(random.permutation(count).tolist(), run.tolist(), strict=False):
                dealt[block].append(query)
        for block in dealt:
            if block:
                yield random.permutation(block).tolist()
