"""An index: all that a searcher needs, as named arrays and facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from harness.artifacts.base import Artifact


class Index(Artifact):
    """The output of an indexer: `arrays` by name, memory-mapped when loaded, and `facts` that JSON can represent."""

    def __init__(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        self.arrays = dict(arrays)
        self.facts = dict(facts)

    def save(self, folder: Path) -> None:
        """Write one .npy file per array, and facts.json."""
        for name, array in self.arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        (folder / "facts.json").write_text(json.dumps(self.facts, sort_keys=True, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the arrays into memory, read-only."""
        facts = json.loads((folder / "facts.json").read_text("utf-8"))
        return cls({p.stem: np.load(p, mmap_mode="r", allow_pickle=False) for p in sorted(folder.glob("*.npy"))}, facts)
