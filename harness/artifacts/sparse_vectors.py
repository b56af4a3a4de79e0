"""Sparse vectors: the nonzero dimensions of each row, in three memory-mapped arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from harness.artifacts.base import Rows, joined

ARRAYS: dict[str, np.dtype] = {
    "starts": np.dtype(np.int64),
    "dimensions": np.dtype(np.int32),
    "weights": np.dtype(np.float32),
}


class SparseVectors(Rows):
    """One vector of `width` dimensions per document or query, as compressed sparse rows.

    Row i has the weights `weights[starts[i]:starts[i + 1]]`, float32, in the dimensions at the same positions of
    `dimensions`, int32, which ascend within a row. `starts` is int64[rows + 1] and begins with 0.
    """

    def __init__(
        self, starts: np.ndarray, dimensions: np.ndarray, weights: np.ndarray, width: int, rows: range | None = None
    ) -> None:
        self.starts = starts
        self.dimensions = dimensions
        self.weights = weights
        self.width = width
        self.rows = range(len(starts) - 1) if rows is None else rows

    @property
    def active_dims(self) -> float:
        """The mean number of nonzero dimensions per row; 0 without rows."""
        return float(self.starts[-1]) / max(len(self), 1)

    def matrix(self) -> Any:
        """Return the rows as a scipy.sparse.csr_array float32[rows, width] that shares their memory."""
        from scipy import sparse

        return sparse.csr_array((self.weights, self.dimensions, self.starts), shape=(len(self), self.width))

    def take(self, part: slice) -> Self:
        """Return a slice of the rows; only `starts` is copied."""
        rows = range(len(self))[part]
        starts = self.starts[rows.start : rows.stop + 1] if rows else self.starts[:1]
        inside = slice(int(starts[0]), int(starts[-1]))
        dimensions, weights = self.dimensions[inside], self.weights[inside]
        return type(self)(starts - starts[0], dimensions, weights, self.width, self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put consecutive slices together, in memory; ValueError where their widths differ."""
        if len({part.width for part in parts}) > 1:
            raise ValueError(f"rows of {parts[0].width} dimensions are joined with others")
        starts = np.concatenate([[0], *(np.diff(part.starts) for part in parts)]).cumsum(dtype=np.int64)
        dimensions = np.concatenate([part.dimensions for part in parts])
        weights = np.concatenate([part.weights for part in parts])
        return cls(starts, dimensions, weights, parts[0].width, joined(parts))

    def save(self, folder: Path) -> None:
        """Write one .npy file per array, and the width."""
        for name, dtype in ARRAYS.items():
            np.save(folder / f"{name}.npy", getattr(self, name).astype(dtype, copy=False), allow_pickle=False)
        _write_width(folder, self.width)

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Append the parts to the files one by one. Raises ValueError for a part that does not continue the last one.

        The number of weights is only known at the end; the headers of the files are then overwritten.
        """
        files = {name: (folder / f"{name}.npy").open("wb") for name in ARRAYS}
        counts = dict.fromkeys(ARRAYS, 0)

        def write(name: str, array: np.ndarray) -> None:
            array.astype(ARRAYS[name]).tofile(files[name])
            counts[name] += len(array)

        try:
            for name, file in files.items():
                _write_header(file, ARRAYS[name], 0)
            write("starts", np.zeros(1, np.int64))
            done, width = 0, None
            for part in parts:
                width = part.width if width is None else width
                if part.rows.start != done or part.width != width:
                    raise ValueError(f"rows {part.rows} of {part.width} dimensions do not continue {done} of {width}")
                write("starts", part.starts[1:] + counts["weights"])
                write("dimensions", part.dimensions)
                write("weights", part.weights)
                done = part.rows.stop
            if done != rows or width is None:
                raise ValueError(f"the parts hold {done} rows of {rows}")
            for name, file in files.items():
                file.seek(0)
                _write_header(file, ARRAYS[name], counts[name])
        finally:
            for file in files.values():
                file.close()
        _write_width(folder, width)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the arrays into memory, read-only."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        return cls(**arrays, width=json.loads((folder / "facts.json").read_text("utf-8"))["width"])


def _write_header(file: IO[bytes], dtype: np.dtype, count: int) -> None:
    """Write the header of a .npy file; numpy pads it for any count, so it can be overwritten later."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)


def _write_width(folder: Path, width: int) -> None:
    (folder / "facts.json").write_text(json.dumps({"width": width}), "utf-8")
