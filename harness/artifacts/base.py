"""The contract of artifacts: they are saved to a folder and loaded from it, and most can be sliced by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_numpy


class Artifact(ABC):
    """The output of a stage. What `save` writes, `load` reads back equal, mapped into memory where it can be."""

    @property
    def kind(self) -> str:
        """The name of this kind of artifact in a manifest."""
        return type(self).__name__

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the artifact into an existing empty folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read an artifact back; large arrays and tables are memory-mapped."""


class Rows(Artifact):
    """An artifact with one row per document or query.

    `rows` are the row numbers in the whole artifact, so that a slice still knows its documents or queries.
    """

    rows: range

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @abstractmethod
    def take(self, part: slice) -> Self:
        """Return a slice of the rows, counted from the first row of this artifact, without copying."""

    @classmethod
    @abstractmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate consecutive parts. Raises ValueError if they are not consecutive."""

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Write the same files, bit for bit, as `save` of the joined parts, which have `rows` rows in total.

        Artifacts that may be larger than memory override this method and hold one part at a time.
        """
        del rows
        cls.join(list(parts)).save(folder)


def find_ids(ids: pa.Array | pa.ChunkedArray, known: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return the position of each id among the known ids as int32, -1 for an unknown id.

    >>> find_ids(pa.array(["b", "z"]), pa.array(["a", "b"])).tolist()
    [1, -1]
    """
    chunks = ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([ids])
    values = known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known
    return to_numpy(pc.index_in(chunks, value_set=values), missing=-1)


def joined(parts: Sequence[Rows]) -> range:
    """Return the rows that consecutive parts cover. Raises ValueError if a part does not follow the one before."""
    for before, after in pairwise(parts):
        if before.rows.stop != after.rows.start:
            raise ValueError(f"rows {after.rows} do not follow rows {before.rows}")
    return range(parts[0].rows.start, parts[-1].rows.stop)
