"""Dense vectors: one memory-mapped array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from harness.artifacts.base import Rows, joined


class Vectors(Rows):
    """One vector per document or query: float32[rows, dimensions] unless a reduction says otherwise."""

    file = "vectors.npy"

    def __init__(self, array: np.ndarray, rows: range | None = None) -> None:
        self.array = array
        self.rows = range(len(array)) if rows is None else rows

    def take(self, part: slice) -> Self:
        """Return a slice of the rows; nothing is copied."""
        return type(self)(self.array[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put consecutive slices together, in memory."""
        return cls(np.concatenate([part.array for part in parts]), joined(parts))

    def save(self, folder: Path) -> None:
        """Write one .npy file."""
        np.save(folder / self.file, self.array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the array into memory, read only."""
        return cls(np.load(folder / cls.file, mmap_mode="r", allow_pickle=False))
