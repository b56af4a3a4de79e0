"""Dense vectors, whole or reduced, in one memory-mapped array; the class tells which stages can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from harness.artifacts.base import Rows, joined


class Table(Rows):
    """An array with one row per document or query."""

    file = "vectors.npy"

    def __init__(self, array: np.ndarray, rows: range | None = None) -> None:
        self.array = array
        self.rows = range(len(array)) if rows is None else rows

    def take(self, part: slice) -> Self:
        """Return a slice of the rows, without copying."""
        return type(self)(self.array[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate consecutive slices in memory."""
        return cls(np.concatenate([part.array for part in parts]), joined(parts))

    def save(self, folder: Path) -> None:
        """Write one .npy file."""
        np.save(folder / self.file, self.array, allow_pickle=False)

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Append the parts to the file one by one. Raises ValueError for a part that does not continue the last one."""
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
        """Map the array into memory, read-only."""
        return cls(np.load(folder / cls.file, mmap_mode="r", allow_pickle=False))

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a vector."""
        return int(self.array.shape[1])


class Vectors(Table):
    """Vectors as a model returns them: float32[rows, dimensions]."""


class Int8Vectors(Table):
    """Quantised vectors with one byte per dimension, int8[rows, dimensions]: multiples of a step common to all rows.

    The step is not kept: it cancels out of cosines, and it only scales dot products.
    """


class BitVectors(Table):
    """The signs of vectors, packed: uint8[rows, dimensions / 8], the first dimension in the highest bit.

    A bit of 1 means +1, a bit of 0 means -1.
    """

    @property
    def dimensions(self) -> int:
        """The number of dimensions, eight per byte."""
        return 8 * super().dimensions


def _fitting(parts: Iterable[Table], shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Table]:
    """Yield the parts. Raises ValueError unless they are consecutive, fit `shape` and `dtype`, and are complete."""
    done = 0
    for part in parts:
        if part.rows.start != done or part.array.shape[1:] != shape[1:] or part.array.dtype != dtype:
            rows = f"rows {part.rows} of {part.array.dtype}{part.array.shape}"
            raise ValueError(f"{rows} do not continue {done} rows of {dtype}{shape}")
        done = part.rows.stop
        yield part
    if done != shape[0]:
        raise ValueError(f"the parts hold {done} rows of {shape[0]}")
