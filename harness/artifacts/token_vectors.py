"""Token vectors: one vector per token, those of all documents in one memory-mapped array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from harness.artifacts.base import Rows, joined


class TokenVectors(Rows):
    """`array` float16[tokens, dimensions]; the tokens of row i are `array[starts[i]:starts[i + 1]]`.

    `starts` is int64[rows + 1]; it begins with 0 and ends with the number of tokens. A row may be empty.
    """

    file, starts_file = "vectors.npy", "starts.npy"

    def __init__(self, array: np.ndarray, starts: np.ndarray, rows: range | None = None) -> None:
        self.array = array
        self.starts = starts
        self.rows = range(len(starts) - 1) if rows is None else rows

    def tokens(self, row: int) -> np.ndarray:
        """Return the vectors of one row, counted from the first row of this artifact, without copying."""
        part: np.ndarray = self.array[self.starts[row] : self.starts[row + 1]]
        return part

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a vector."""
        return int(self.array.shape[1])

    def take(self, part: slice) -> Self:
        """Return a slice of the rows; only `starts` is copied."""
        first, last, _ = part.indices(len(self))
        starts = self.starts[first : max(first, last) + 1]
        return type(self)(self.array[starts[0] : starts[-1]], starts - starts[0], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate consecutive slices in memory."""
        starts = borders(np.concatenate([np.diff(part.starts) for part in parts]))
        return cls(np.concatenate([part.array for part in parts]), starts, joined(parts))

    def save(self, folder: Path) -> None:
        """Write two .npy files."""
        np.save(folder / self.file, self.array, allow_pickle=False)
        np.save(folder / self.starts_file, self.starts, allow_pickle=False)

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Append the parts to the file one by one. Raises ValueError for a part that does not continue the last one.

        The number of tokens is only known at the end. numpy pads the header of a .npy file for any number, so the first
        header is then overwritten.
        """
        lengths: list[np.ndarray] = []
        done, kind = 0, None
        with (folder / cls.file).open("wb") as file:
            for part in parts:
                kind_of_part = (part.array.shape[1], part.array.dtype)
                if part.rows.start != done or kind_of_part != (kind or kind_of_part):
                    raise ValueError(f"rows {part.rows} of {kind_of_part} do not continue {done} rows of {kind}")
                if kind is None:
                    _write_header(file, 0, *kind_of_part)
                done, kind = part.rows.stop, kind_of_part
                lengths.append(np.diff(part.starts))
                np.ascontiguousarray(part.array).tofile(file)
            if done != rows or kind is None:
                raise ValueError(f"the parts hold {done} rows of {rows}")
            starts = borders(np.concatenate(lengths))
            file.seek(0)
            _write_header(file, int(starts[-1]), *kind)
        np.save(folder / cls.starts_file, starts, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the vectors into memory, read-only."""
        starts = np.load(folder / cls.starts_file, allow_pickle=False)
        return cls(np.load(folder / cls.file, mmap_mode="r", allow_pickle=False), starts)


def borders(lengths: np.ndarray) -> np.ndarray:
    """Return the start of each row and the end of the last, int64[rows + 1], from the number of tokens per row.

    >>> borders(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _write_header(file: BinaryIO, tokens: int, dimensions: int, dtype: np.dtype) -> None:
    shape = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (tokens, dimensions)}
    np.lib.format.write_array_header_1_0(file, shape)
