"""A model: a folder of weights, or the id and revision of a published model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from harness.artifacts.base import Artifact


class Model(Artifact):
    """The place of a model's weights: `path` is a folder, or a hub id together with a `revision` (commit)."""

    def __init__(self, path: str, revision: str | None = None, *, trust_remote_code: bool = False) -> None:
        self.path = path
        self.revision = revision
        self.trust_remote_code = trust_remote_code

    def save(self, folder: Path) -> None:
        """Copy the folder of the weights."""
        shutil.copytree(self.path, folder / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return a model whose path is the copied folder."""
        return cls(str(folder / "model"))
