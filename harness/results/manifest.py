"""Checksums of a result folder: written with it, and held against it later, down to the lines that changed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.errors import Place, relative
from harness.fingerprint import file_checksum

MANIFEST = "manifest.json"
FORMAT = 1
BLOCKS = 256
"""Into how many blocks of lines a file is divided at most, so that a change is found to its line or near it."""
DAMAGED = (OSError, EOFError, zlib.error)
"""What a broken gzip raises."""


class Finding(NamedTuple):
    """Something that is not as it was recorded, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        """Write it as an error is written."""
        return f"{self.place}: {self.message}"


def write_manifest(folder: Path) -> None:
    """Write `manifest.json`: the SHA-256 of every file under `sha256`, and what tells its lines apart under `lines`."""
    found = {name: _sums(folder / name) for name in _files(folder)}
    said = {
        "format": FORMAT,
        "sha256": {name: sums["sha256"] for name, sums in found.items()},
        "lines": {name: sums["lines"] for name, sums in found.items() if sums["lines"]},
    }
    (folder / MANIFEST).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")


def check_manifest(folder: Path) -> Iterator[Finding]:
    """Give every file that is missing, new or changed since the manifest was written, and a manifest that is none."""
    place = Place(relative(folder / MANIFEST))
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        recorded, lines = dict(said["sha256"]), dict(said["lines"])
    except (ValueError, KeyError, TypeError) as error:
        yield Finding(place, f"damaged, so that no checksum can be held against it: {error}")
        return
    if said.get("format") != FORMAT:
        yield Finding(place, f"format {said.get('format')!r} is not {FORMAT}, which this harness writes and reads")
    there = _files(folder)
    for name in sorted({*recorded, *there, *lines}):
        file = Place(relative(folder / name))
        if name not in there:
            yield Finding(file, "is missing, and the manifest names it")
        elif name not in recorded:
            yield Finding(file, "is not named by the manifest: it came later")
        else:
            yield from _changed(folder / name, recorded[name], lines.get(name))


def _files(folder: Path) -> list[str]:
    """Name all files but the manifest; what begins with a dot belongs to file systems and editors."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = (path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(name for name in names if name != MANIFEST)


def _sums(path: Path) -> dict[str, Any]:
    try:
        lines = _blocks(path)
    except DAMAGED:
        lines = None
    return {"sha256": file_checksum(path), "lines": lines}


def _blocks(path: Path) -> dict[str, Any] | None:
    """Give the CRC-32 of every block of lines of a text; None for what is no text."""
    if path.suffix not in (".json", ".jsonl", ".gz"):
        return None
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    every = max(1, -(-len(ends) // BLOCKS))
    borders = [0, *ends[every - 1 :: every].tolist()]
    if borders[-1] < len(data):
        borders.append(len(data))
    sums = [f"{zlib.crc32(data[start:end]):08x}" for start, end in pairwise(borders)]
    return {"every": every, "crc32": sums}


def _changed(path: Path, sha256: object, lines: object) -> Iterator[Finding]:
    """Say whether a file is what it was, and else where it changed."""
    now = _sums(path)
    name = relative(path)
    if now["sha256"] == sha256:
        if now["lines"] != lines:
            yield Finding(
                Place(relative(path.parent / MANIFEST)), f"changed itself: what it says of the lines of {name}"
            )
        return
    if now["lines"] is None and lines:
        yield Finding(Place(name), "changed: it cannot be unpacked any more")
    elif now["lines"] == lines:
        same = "; its lines are what they were" if lines else ""
        yield Finding(Place(name), f"changed: its checksum is {_short(now['sha256'])}, not {_short(sha256)}{same}")
    else:
        first, last = _where(lines, now["lines"])
        which = f"line {first}" if last == first else f"a line from {first} to {last}"
        more = "" if last is not None else "everything from there on"
        yield Finding(Place(name, first), f"changed: {more or which} is not what it was")


def _where(then: object, now: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return the first and the last line of the first changed block; None where lines were added or taken away."""
    before = then if isinstance(then, dict) else {}
    sums, every = before.get("crc32"), now["every"]
    if before.get("every") != every or not isinstance(sums, list) or len(sums) != len(now["crc32"]):
        return 1, None
    block = next(i for i, (one, other) in enumerate(zip(sums, now["crc32"], strict=True)) if one != other)
    return block * every + 1, (block + 1) * every


def _short(checksum: object) -> str:
    return str(checksum)[:12] + "…"
