"""The contract of everything that flows between stages: it saves to a folder, loads from it, and is cut by rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self


class Artifact(ABC):
    """Something a stage gives. What `save` writes, `load` reads back equal, mapping it into memory where it can."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write all of it into an existing empty folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read it back; large arrays and tables are memory-mapped."""


class Rows(Artifact):
    """An artifact with one row per document or query.

    `rows` says which rows of the whole these are, so that a slice still knows the document or query it belongs to.
    """

    rows: range

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    @abstractmethod
    def take(self, part: slice) -> Self:
        """Return the rows of `part`, counted from the first row held here, without copying."""

    @classmethod
    @abstractmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put consecutive parts back together; ValueError if they are not consecutive."""


def joined(parts: Sequence[Rows]) -> range:
    """Return the rows that consecutive parts cover together; ValueError where one does not follow the last."""
    for before, after in pairwise(parts):
        if before.rows.stop != after.rows.start:
            raise ValueError(f"rows {after.rows} do not follow rows {before.rows}")
    return range(parts[0].rows.start, parts[-1].rows.stop)
