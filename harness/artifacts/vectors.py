"""Dense vectors, whole or reduced: one memory-mapped array. The type says what may stand behind a reduction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from harness.artifacts.base import Rows, joined


class Table(Rows):
    """One row of an array per document or query."""

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

    @property
    def dimensions(self) -> int:
        """How many coordinates a vector has."""
        return int(self.array.shape[1])


class Vectors(Table):
    """Vectors as a model makes them: float32[rows, dimensions]."""


class Int8Vectors(Table):
    """Vectors in a byte a coordinate, int8[rows, dimensions]: whole multiples of one step that all of them share.

    The step is not kept: cosines need none, and dot products are proportional without it.
    """


class BitVectors(Table):
    """The signs of vectors, packed: uint8[rows, dimensions / 8], the first dimension in the highest bit.

    A bit 1 stands for +1, a bit 0 for -1.
    """

    @property
    def dimensions(self) -> int:
        """Eight to a byte."""
        return 8 * super().dimensions


def _fitting(parts: Iterable[Table], shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Table]:
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
