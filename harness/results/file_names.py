"""File names for data sets and systems."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each name: valid on every file system, and different for different names.

    >>> safe_names(["bm25", "dense/128 ü"])
    {'bm25': 'bm25', 'dense/128 ü': 'dense_128_-266d19b5'}
    """
    unique = list(dict.fromkeys(names))
    lowered = Counter(name.lower() for name in unique)
    return {name: _safe(name, alone=lowered[name.lower()] == 1) for name in unique}


def _safe(name: str, *, alone: bool) -> str:
    if alone and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:80]}-{digest}"
