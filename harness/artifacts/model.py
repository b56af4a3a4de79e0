"""A model: a folder of weights, or the place a published one is fetched from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from harness.artifacts.base import Artifact


class Model(Artifact):
    """Where the weights lie. `path` is a folder, or a hub id with the `revision` (commit) it was published under."""

    def __init__(self, path: str, revision: str | None = None, *, trust_remote_code: bool = False) -> None:
        self.path = path
        self.revision = revision
        self.trust_remote_code = trust_remote_code

    def save(self, folder: Path) -> None:
        """Copy the folder of weights."""
        shutil.copytree(self.path, folder / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Point at the folder of weights."""
        return cls(str(folder / "model"))
