"""The finished pieces of an artifact that is still being made, so that a killed run goes on where it stood."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

from harness.artifacts.base import Rows
from harness.errors import StoreError
from harness.stage import Node
from harness.store import RECIPE, Store, verify, write_whole


class Chunks:
    """Pieces of `chunk_rows` rows. Borders are row numbers: a resumed artifact is bit for bit the undisturbed one.

    An artifact of one piece is never written as a chunk: the store keeps it whole or not at all.
    """

    def __init__(self, store: Store, node: Node, rows: int) -> None:
        size = node.stage.chunk_rows
        self.kind = node.gives
        self.folder = store.root / "chunks" / f"{node.fingerprint}-{size}"
        self.borders = [slice(start, min(start + size, rows)) for start in range(0, rows, size)] or [slice(0, 0)]
        self.parts: dict[int, Rows] = {}
        self.seconds = 0.0
        """What all pieces took, those of earlier processes too."""
        if len(self.borders) > 1:
            for border in self.borders:
                self._take_over(border)
        self.finished_rows = sum(len(part) for part in self.parts.values())

    @property
    def missing(self) -> list[slice]:
        """The pieces that are still to be made."""
        return [border for border in self.borders if border.start not in self.parts]

    def keep(self, rows: slice, part: Rows, seconds: float) -> None:
        """Take in a piece. Raises TypeError or ValueError if it is not what was asked for."""
        if not isinstance(part, self.kind):
            raise TypeError(f"gave {type(part).__name__}, not {self.kind.__name__}")
        if len(part) != rows.stop - rows.start:
            raise ValueError(f"gave {len(part)} rows for rows {rows.start} to {rows.stop}")
        self.seconds += seconds
        if len(self.borders) == 1:
            self.parts[rows.start] = part
            return
        draft = self.folder / uuid.uuid4().hex
        write_whole(draft, self._place(rows), part, {"rows": [rows.start, rows.stop], "seconds": seconds})
        self._load(rows)

    def join(self) -> Rows:
        """Put all pieces together."""
        if len(self.borders) == 1:
            return self.parts[self.borders[0].start]
        return type(self.parts[0]).join([self.parts[border.start] for border in self.borders])

    def drop(self) -> None:
        """Delete the files, once the whole is in the store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, rows: slice) -> Path:
        return self.folder / f"{rows.start:012d}-{rows.stop:012d}"

    def _take_over(self, rows: slice) -> None:
        place = self._place(rows)
        try:
            verify(place)
            self.seconds += json.loads((place / RECIPE).read_text("utf-8"))["seconds"]
        except (StoreError, KeyError, ValueError):
            shutil.rmtree(place, ignore_errors=True)
            return
        self._load(rows)

    def _load(self, rows: slice) -> None:
        part = self.kind.load(self._place(rows))
        assert isinstance(part, Rows)  # noqa: S101  `keep` and the manifest saw to it
        part.rows = range(rows.start, rows.stop)
        self.parts[rows.start] = part
