"""Random resampling in bounded memory: what both bootstraps and the randomisation test share.

Random numbers come from the seed alone, and sums are added in one order whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

AT_A_TIME = 1 << 22
"""The number of values that are held in memory at a time; results do not depend on it."""


def batches(resamples: int, width: int) -> Iterator[int]:
    """Yield how many resamples of `width` values each fit into memory, until there are `resamples` in all."""
    size = max(1, AT_A_TIME // width)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def resampled_counts(n: int, resamples: int, seed: int, width: int | None = None) -> Iterator[np.ndarray]:
    """Draw n of n units with replacement, and yield how often each was drawn: int64[batch, n], `resamples` rows in all.

    `width` is the number of values that the caller holds per resample, if it is more than n.
    """
    generator = np.random.default_rng(seed)
    for size in batches(resamples, width or n):
        drawn = generator.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)


def weighted_sums(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights @ columns.T, float64[resamples, columns], from float64[columns, n] and float64[resamples, n].

    A BLAS would add in an order that depends on the number of threads and on the other columns.
    """
    return np.stack([np.einsum("wn,n->w", weights, column) for column in columns], axis=1)
