"""Dense vectors: one memory-mapped array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Write the parts behind each other; ValueError where one does not fit those before."""
        parts = iter(parts)
        first = next(parts)
        shape, dtype = (rows, *first.array.shape[1:]), first.array.dtype
        with (folder / cls.file).open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in _fitting(chain([first], parts), shape, dtype):
                np.ascontiguousarray(part.array).tofile(file)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the array into memory, read only."""
        return cls(np.load(folder / cls.file, mmap_mode="r", allow_pickle=False))


def _fitting(parts: Iterable[Vectors], shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Vectors]:
    """Give the parts; ValueError where they are not consecutive, of one width and kind, and `shape[0]` rows in all."""
    done = 0
    for part in parts:
        if part.rows.start != done or part.array.shape[1:] != shape[1:] or part.array.dtype != dtype:
            found = f"rows {part.rows} of {part.array.dtype}{part.array.shape}"
            raise ValueError(f"{found} do not continue {done} rows of {dtype}{shape}")
        done = part.rows.stop
        yield part
    if done != shape[0]:
        raise ValueError(f"the parts hold {done} rows of {shape[0]}")
