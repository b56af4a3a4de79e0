"""The run files that a suite names as systems: found, read once, and named by their content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec.read import read_run
from harness.errors import DataError, Place, SuiteError, nearest, relative
from harness.fingerprint import file_checksum, stamp
from harness.stage import Node, RunfileSource
from harness.store import Entry, Store
from harness.suite import Step, Suite, System
from harness.suite.systems import DATASET


@dataclass(frozen=True)
class RunFileLeaf:
    """A run file of a suite as a node."""

    path: Path
    node: Node

    @property
    def about(self) -> dict[str, Any]:
        """What it is called, for people."""
        return {"path": relative(self.path)}

    def load(self) -> RunLines:
        """Read it again; DataError if it changed since it was named."""
        lines = read_run(self.path)
        if file_checksum(self.path) != self.node.stage.recipe["content"]:
            raise DataError("the run file changed while it was in use: run again", Place(relative(self.path)))
        return lines


def find_runfiles(
    suite: Suite, systems: Mapping[str, System], datasets: Iterable[str], store: Store
) -> dict[tuple[str, str], RunFileLeaf]:
    """Read the run files that some systems need on some data sets; by data set and the word in the suite.

    Raises SuiteError where there is no such file, and DataError, with file and line, for a damaged one.
    """
    steps = {step.word: step for system in systems.values() for step in _steps(system, suite.systems)}
    return {
        (dataset, word): _take_in(suite, dataset, step, store) for dataset in datasets for word, step in steps.items()
    }


def _steps(system: System, systems: Mapping[str, System]) -> Iterator[Step]:
    """Give the run files of a system and of those that it is built from."""
    for step in system.steps:
        if step.role == "runfile":
            yield step
        for name in (step.word,) if step.role == "from" else step.of:
            yield from _steps(systems[name], systems)


def _take_in(suite: Suite, dataset: str, step: Step, store: Store) -> RunFileLeaf:
    said = Path(step.word.replace(DATASET, dataset)).expanduser()
    path = Path(os.path.normpath(suite.base / said))
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = nearest(path.name, beside)
        raise SuiteError(f"there is no run file {relative(path)!r} for the data set {dataset!r}; {hint}", step.place)
    key = ["runfile", stamp(path)]
    facts = store.receipt(key)
    if facts is None:
        facts = {"content": file_checksum(path)}
        node = Node(RunfileSource(content=facts["content"]))
        if node.fingerprint not in store:
            store.save(read_run(path), Entry(node.fingerprint, node.recipe, about={"path": relative(path)}))
        store.keep_receipt(key, facts)
    return RunFileLeaf(path, Node(RunfileSource(content=facts["content"])))
