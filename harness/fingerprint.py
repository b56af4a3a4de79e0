"""Name things by what they are: canonical JSON, then SHA-256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NewType

Fingerprint = NewType("Fingerprint", str)


def fingerprint(value: Any) -> Fingerprint:
    """Give the same name to the same value on every machine.

    Raises TypeError for a type that JSON does not know and ValueError for NaN or infinity: never a guess.

    >>> fingerprint({"b": 1, "a": [2.5, None]}) == fingerprint({"a": [2.5, None], "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest())


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in bounded memory; OSError as `open` raises it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> list[str | int]:
    """Return what tells cheaply that a file may have changed: its path, size and time of change (ns).

    A stamp is a reason to read a file again, never a name: names come from contents.
    """
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
