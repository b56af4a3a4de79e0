"""The value of one measure for every query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from harness.artifacts.base import Rows, joined


class Scores(Rows):
    """`values` float64[queries]; NaN for a query without judgements, so that means leave it out."""

    file = "values.npy"

    def __init__(self, values: np.ndarray, rows: range | None = None) -> None:
        self.values = values
        self.rows = range(len(values)) if rows is None else rows

    def take(self, part: slice) -> Self:
        """Return the values of some queries."""
        return type(self)(self.values[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the values of consecutive queries."""
        return cls(np.concatenate([part.values for part in parts]), joined(parts))

    def save(self, folder: Path) -> None:
        """Write one .npy file."""
        np.save(folder / self.file, self.values, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the values."""
        return cls(np.load(folder / cls.file, allow_pickle=False))
