"""Finds the run files that a suite names as systems, reads each once, and identifies them by their content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec.read import read_run
from harness.errors import DataError, Place, SuiteError, nearest, relative
from harness.fingerprint import file_checksum, stamp
from harness.stage import Node, RunfileSource
from harness.store import Entry, Store
from harness.suite import Step
from harness.suite.steps import DATASET


@dataclass(frozen=True)
class RunFileLeaf:
    """A run file of a suite as a node."""

    path: Path
    node: Node

    @property
    def about(self) -> dict[str, Any]:
        """A description for people: its path."""
        return {"path": relative(self.path)}

    def load(self) -> RunLines:
        """Read the file again. Raises DataError if it has changed since it was identified."""
        lines = read_run(self.path)
        if file_checksum(self.path) != self.node.stage.recipe["content"]:
            raise DataError("the run file changed while it was in use: run again", Place(relative(self.path)))
        return lines


def find_run_file(step: Step, dataset: str, base: Path, store: Store) -> RunFileLeaf:
    """Find the run file of a step for a data set, relative to `base`, and read it into the store if it is new there.

    Raises SuiteError if there is no such file, and DataError, with file and line, for a damaged one.
    """
    path = Path(os.path.normpath(base / Path(step.word.replace(DATASET, dataset)).expanduser()))
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        near = nearest(path.name, others)
        raise SuiteError(f"no run file {relative(path)!r} for the data set {dataset!r}; {near}", step.place)
    key = ["runfile", stamp(path)]
    facts = store.receipt(key)
    if facts is None:
        facts = {"content": file_checksum(path)}
        node = Node(RunfileSource(content=facts["content"]))
        if node.fingerprint not in store:
            store.save(read_run(path), Entry(node.fingerprint, node.recipe, about={"path": relative(path)}))
        store.keep_receipt(key, facts)
    return RunFileLeaf(path, Node(RunfileSource(content=facts["content"])))
