"""Names values by their content: the SHA-256 of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NewType

Fingerprint = NewType("Fingerprint", str)


def fingerprint(value: Any) -> Fingerprint:
    """Return the name of a value, which is the same for equal values on every machine.

    Raises TypeError for a type that JSON does not have, and ValueError for NaN and infinity.

    >>> fingerprint({"b": 1, "a": [2.5, None]}) == fingerprint({"a": [2.5, None], "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest())


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, read in bounded memory. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> list[str | int]:
    """Return the path, size and modification time (ns) of a file, a cheap sign that it may have changed.

    A changed stamp is a reason to read the file again. It is never a name, because names come from content.
    """
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
