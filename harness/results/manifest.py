"""Checksums of a result folder: written with it, and compared later, down to the lines that changed."""

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
"""The largest number of blocks of lines per file; each has a checksum, so a change is found at or near its line."""
DAMAGED = (OSError, EOFError, zlib.error)
"""The errors that a damaged gzip file raises."""


class Finding(NamedTuple):
    """Something that is not as it was recorded, and its place."""

    place: Place
    message: str

    def __str__(self) -> str:
        """Return `place: message`, as errors are written."""
        return f"{self.place}: {self.message}"


def write_manifest(folder: Path) -> None:
    """Write `manifest.json`: the SHA-256 of every file under `sha256`, the checksums of its lines under `lines`."""
    checksums = {name: _sums(folder / name) for name in _files(folder)}
    manifest = {
        "format": FORMAT,
        "sha256": {name: sums["sha256"] for name, sums in checksums.items()},
        "lines": {name: sums["lines"] for name, sums in checksums.items() if sums["lines"]},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


def check_manifest(folder: Path) -> Iterator[Finding]:
    """Yield every file that is missing, new or changed since the manifest was written, and a damaged manifest."""
    place = Place(relative(folder / MANIFEST))
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        recorded, lines = dict(manifest["sha256"]), dict(manifest["lines"])
    except (ValueError, KeyError, TypeError) as error:
        yield Finding(place, f"damaged, so no checksum can be compared: {error}")
        return
    if manifest.get("format") != FORMAT:
        yield Finding(place, f"format {manifest.get('format')!r} is not {FORMAT}, the format that this harness reads")
    present = _files(folder)
    for name in sorted({*recorded, *present, *lines}):
        file = Place(relative(folder / name))
        if name not in present:
            yield Finding(file, "is missing, although the manifest names it")
        elif name not in recorded:
            yield Finding(file, "is not named by the manifest: it was added later")
        else:
            yield from _changed(folder / name, recorded[name], lines.get(name))


def _files(folder: Path) -> list[str]:
    """Return the names of all files but the manifest; names with a leading dot belong to file systems and editors."""
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
    """Return the CRC-32 of every block of lines; None for a file that is not text."""
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
    """Yield whether a file changed, and where."""
    now = _sums(path)
    name = relative(path)
    if now["sha256"] == sha256:
        if now["lines"] != lines:
            yield Finding(
                Place(relative(path.parent / MANIFEST)), f"changed: its checksums of the lines of {name} differ"
            )
        return
    if now["lines"] is None and lines:
        yield Finding(Place(name), "changed: it can no longer be unpacked")
    elif now["lines"] == lines:
        same = "; its lines are unchanged" if lines else ""
        yield Finding(Place(name), f"changed: its checksum is {_short(now['sha256'])}, not {_short(sha256)}{same}")
    else:
        first, last = _where(lines, now["lines"])
        which = f"line {first}" if last == first else f"a line from {first} to {last}"
        more = "" if last is not None else "everything from here on"
        yield Finding(Place(name, first), f"changed: {more or which} differs")


def _where(then: object, now: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return the first and last line of the first changed block; the last is None if lines were added or removed."""
    before = then if isinstance(then, dict) else {}
    sums, every = before.get("crc32"), now["every"]
    if before.get("every") != every or not isinstance(sums, list) or len(sums) != len(now["crc32"]):
        return 1, None
    block = next(i for i, (old, new) in enumerate(zip(sums, now["crc32"], strict=True)) if old != new)
    return block * every + 1, (block + 1) * every


def _short(checksum: object) -> str:
    return str(checksum)[:12] + "…"
