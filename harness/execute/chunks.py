"""Finished chunks of an artifact that is still being made, so that a killed run continues where it stopped."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from harness.artifacts.base import Artifact, Rows
from harness.errors import StoreError
from harness.meter import Paid
from harness.stage import Node
from harness.store import RECIPE, Store, verify, write_whole


class JoinedChunks(Artifact):
    """A whole artifact that is written chunk by chunk, so that it never has to fit into memory."""

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks

    @property
    def kind(self) -> str:
        """The name of the class of the whole artifact."""
        return self.chunks.kind.__name__

    def save(self, folder: Path) -> None:
        """Write the same files as the artifact would write in one piece."""
        self.chunks.kind.save_joined(self.chunks.parts(), self.chunks.slices[-1].stop, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raise NotImplementedError: what was saved is loaded as the class of the whole artifact."""
        raise NotImplementedError


class Chunks:
    """The chunks of one artifact, `chunk_rows` rows each.

    Chunk boundaries are fixed row numbers, so a resumed artifact is bit for bit the same as an undisturbed one. If
    there is only one chunk, it is kept in memory instead of a file.
    """

    def __init__(self, store: Store, node: Node, rows: int) -> None:
        size = node.stage.chunk_rows
        assert issubclass(node.gives, Rows)  # noqa: S101  guaranteed for a stage that works row by row
        self.kind: type[Rows] = node.gives
        self.folder = store.root / "chunks" / f"{node.fingerprint}-{size}"
        self.slices = [slice(start, min(start + size, rows)) for start in range(0, rows, size)] or [slice(0, 0)]
        self.only: Rows | None = None
        """The chunk of an artifact that has only one, once it is made."""
        self.finished: set[int] = set()
        """The first rows of the finished chunks."""
        self.seconds = 0.0
        """The wall-clock time of all finished chunks, including those of earlier processes."""
        self.paid = Paid()
        """What services charged for all finished chunks, including those of earlier processes."""
        if len(self.slices) > 1:
            for part in self.slices:
                self._resume(part)
        self.finished_rows = sum(part.stop - part.start for part in self.slices if part.start in self.finished)

    @property
    def missing(self) -> list[slice]:
        """The rows of the chunks that are still to be made."""
        return [rows for rows in self.slices if rows.start not in self.finished]

    def keep(self, rows: slice, part: Rows, seconds: float, paid: Paid) -> None:
        """Keep a finished chunk. Raises TypeError for another class, ValueError for another number of rows."""
        if not isinstance(part, self.kind):
            raise TypeError(f"returned {type(part).__name__}, not {self.kind.__name__}")
        if len(part) != rows.stop - rows.start:
            raise ValueError(f"returned {len(part)} rows for rows {rows.start} to {rows.stop}")
        self.seconds += seconds
        self.paid = self.paid.plus(paid)
        self.finished.add(rows.start)
        if len(self.slices) == 1:
            self.only = part
            return
        draft = self.folder / uuid.uuid4().hex
        recipe = {"rows": [rows.start, rows.stop], "seconds": seconds, "paid": paid}
        write_whole(draft, self._folder(rows), part, recipe)

    def join(self) -> Artifact:
        """Return the whole artifact, to be saved in the store."""
        return JoinedChunks(self) if self.only is None else self.only

    def parts(self) -> Iterator[Rows]:
        """Load one chunk after the other."""
        for rows in self.slices:
            yield self.kind.load(self._folder(rows)).at_rows(range(rows.start, rows.stop))

    def drop(self) -> None:
        """Delete the files of the chunks, once the whole artifact is in the store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _folder(self, rows: slice) -> Path:
        return self.folder / f"{rows.start:012d}-{rows.stop:012d}"

    def _resume(self, rows: slice) -> None:
        """Count a chunk as finished if an earlier process left it whole, else delete what it left."""
        folder = self._folder(rows)
        try:
            verify(folder)
            recipe = json.loads((folder / RECIPE).read_text("utf-8"))
            seconds, paid = recipe["seconds"], Paid(*recipe.get("paid", ()))
        except (StoreError, KeyError, TypeError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
            return
        self.seconds += seconds
        self.paid = self.paid.plus(paid)
        self.finished.add(rows.start)
