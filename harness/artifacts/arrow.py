"""Converts numbers between Arrow and NumPy; pyarrow's own conversion would import pandas if it is installed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def to_numpy(numbers: pa.Array | pa.ChunkedArray, missing: int | None = None) -> np.ndarray:
    """Return fixed-width numbers as an array, with `missing` in place of nulls.

    A single chunk without nulls is not copied, and the array is then read-only. Raises ValueError for a null if
    `missing` is None.

    >>> to_numpy(pa.chunked_array([[1, None, 2], [3]], pa.int32())[1:], missing=-1).tolist()
    [-1, 2, 3]
    """
    chunks = numbers.chunks if isinstance(numbers, pa.ChunkedArray) else [numbers]
    dtype = np.dtype(numbers.type.to_pandas_dtype())
    parts = [_view(chunk, dtype, missing) for chunk in chunks if len(chunk)]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def to_arrow(numbers: np.ndarray) -> pa.Array:
    """Return numbers as an Arrow array, which shares the memory of a contiguous array.

    >>> to_arrow(np.arange(6, dtype=np.int32)[::2]).tolist()
    [0, 2, 4]
    """
    kind = pa.from_numpy_dtype(numbers.dtype)
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def _view(chunk: pa.Array, dtype: np.dtype, missing: int | None) -> np.ndarray:
    validity, data = chunk.buffers()
    values = np.frombuffer(data, dtype, count=len(chunk), offset=chunk.offset * dtype.itemsize)
    if not chunk.null_count:
        return values
    if missing is None:
        raise ValueError(f"{chunk.null_count} of {len(chunk)} numbers are missing")
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), count=chunk.offset + len(chunk), bitorder="little")
    return np.where(bits[chunk.offset :], values, dtype.type(missing))
