"""The finished pieces of an artifact that is still being made, so that a killed run goes on where it stood."""

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


class Pieces(Artifact):
    """All pieces of an artifact, which are written behind each other and never in memory together."""

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks

    @property
    def kind(self) -> str:
        """That of the whole."""
        return self.chunks.kind.__name__

    def save(self, folder: Path) -> None:
        """Write the whole, as the undivided artifact would be."""
        self.chunks.kind.save_joined(self.chunks.pieces(), self.chunks.borders[-1].stop, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was written is the whole; nothing loads it as pieces."""
        raise NotImplementedError


class Chunks:
    """Pieces of `chunk_rows` rows. Borders are row numbers: a resumed artifact is bit for bit the undisturbed one.

    An artifact of one piece is never written as a chunk: the store keeps it whole or not at all.
    """

    def __init__(self, store: Store, node: Node, rows: int) -> None:
        size = node.stage.chunk_rows
        assert issubclass(node.gives, Rows)  # noqa: S101  what a stage that works row by row gives
        self.kind: type[Rows] = node.gives
        self.folder = store.root / "chunks" / f"{node.fingerprint}-{size}"
        self.borders = [slice(start, min(start + size, rows)) for start in range(0, rows, size)] or [slice(0, 0)]
        self.only: Rows | None = None
        """The piece of an artifact that has only one."""
        self.finished: set[int] = set()
        """Where the pieces begin that are written."""
        self.seconds = 0.0
        """What all pieces took, those of earlier processes too."""
        self.paid = Paid()
        """What services took for them, likewise."""
        if len(self.borders) > 1:
            for border in self.borders:
                self._take_over(border)
        self.finished_rows = sum(border.stop - border.start for border in self.borders if border.start in self.finished)

    @property
    def missing(self) -> list[slice]:
        """The pieces that are still to be made."""
        return [border for border in self.borders if border.start not in self.finished]

    def keep(self, rows: slice, part: Rows, seconds: float, paid: Paid) -> None:
        """Take in a piece. Raises TypeError or ValueError if it is not what was asked for."""
        if not isinstance(part, self.kind):
            raise TypeError(f"gave {type(part).__name__}, not {self.kind.__name__}")
        if len(part) != rows.stop - rows.start:
            raise ValueError(f"gave {len(part)} rows for rows {rows.start} to {rows.stop}")
        self.seconds += seconds
        self.paid = self.paid.plus(paid)
        self.finished.add(rows.start)
        if len(self.borders) == 1:
            self.only = part
            return
        draft = self.folder / uuid.uuid4().hex
        recipe = {"rows": [rows.start, rows.stop], "seconds": seconds, "paid": paid}
        write_whole(draft, self._place(rows), part, recipe)

    def join(self) -> Artifact:
        """Put all pieces together: what `Store.save` then writes is the whole."""
        return Pieces(self) if self.only is None else self.only

    def pieces(self) -> Iterator[Rows]:
        """Load one piece after the other."""
        for border in self.borders:
            yield self.kind.load(self._place(border)).at_rows(range(border.start, border.stop))

    def drop(self) -> None:
        """Delete the files, once the whole is in the store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, rows: slice) -> Path:
        return self.folder / f"{rows.start:012d}-{rows.stop:012d}"

    def _take_over(self, rows: slice) -> None:
        place = self._place(rows)
        try:
            verify(place)
            said = json.loads((place / RECIPE).read_text("utf-8"))
            seconds, paid = said["seconds"], Paid(*said.get("paid", ()))
        except (StoreError, KeyError, TypeError, ValueError):
            shutil.rmtree(place, ignore_errors=True)
            return
        self.seconds += seconds
        self.paid = self.paid.plus(paid)
        self.finished.add(rows.start)
