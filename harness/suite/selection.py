"""Selects the part of a suite that a command works on: some systems, some data sets, and all that these need."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from harness.datasets.base import Dataset
from harness.errors import UserError, nearest
from harness.models.weights import ModelSpec
from harness.suite.steps import Step
from harness.suite.suite import Suite
from harness.suite.systems import System


@dataclass(frozen=True)
class Selection:
    """Some systems of a suite, the data sets they are reported on, and all that they need."""

    suite: Suite
    systems: dict[str, System]
    datasets: dict[str, Dataset]
    models: dict[str, ModelSpec]
    """The models that the systems use, and those they are built from."""
    tuning_steps: tuple[Step, ...]
    """The steps that choose their parameters on a data set for tuning only."""
    run_files: dict[tuple[str, str], Step]
    """The steps that read a run file, by the name of the data set and the path as the suite writes it."""

    @property
    def tuning_datasets(self) -> dict[str, Dataset]:
        """The data sets on which the tuning steps choose."""
        names = {step.tuning.train for step in self.tuning_steps if step.tuning}
        return {name: dataset for name, dataset in self.suite.datasets.items() if name in names}


def select(suite: Suite, patterns: Iterable[str] | None = None, datasets: Iterable[str] | None = None) -> Selection:
    """Select the systems that match any of the patterns, on the named data sets; None selects all.

    Raises UserError for a pattern that matches nothing, an unknown data set, and one that is for tuning only.
    """
    systems = _systems(suite, patterns)
    reported = _datasets(suite, datasets)
    steps = _steps(suite, systems)
    tuning_steps = tuple(step for step in steps if step.tuning and step.tuning.train)
    run_files = {(dataset, step.word): step for dataset in reported for step in steps if step.role == "runfile"}
    for tuned in tuning_steps:
        dataset = str(tuned.tuning and tuned.tuning.train)
        run_files |= {(dataset, step.word): step for step in _steps(suite, tuned.of) if step.role == "runfile"}
    return Selection(suite, systems, reported, models_of(suite, systems), tuning_steps, run_files)


def models_of(suite: Suite, systems: Iterable[str]) -> dict[str, ModelSpec]:
    """Return the models that some systems use, and those they are built from."""
    names = {step.model for step in _steps(suite, systems)}
    return {name: spec for name, spec in suite.models.items() if name in names}


def _steps(suite: Suite, systems: Iterable[str]) -> list[Step]:
    """Return the steps of some systems, and of those they are built from."""
    return [step for system in suite.closure(systems).values() for step in system.steps]


def _systems(suite: Suite, patterns: Iterable[str] | None) -> dict[str, System]:
    chosen: set[str] = set()
    for pattern in patterns or ["*"]:
        matches = fnmatch.filter(suite.systems, pattern)
        if not matches:
            raise UserError(f"no system matches {pattern!r}; {nearest(pattern, suite.systems)}")
        chosen.update(matches)
    return {name: system for name, system in suite.systems.items() if name in chosen}


def _datasets(suite: Suite, names: Iterable[str] | None) -> dict[str, Dataset]:
    chosen = list(names or (name for name in suite.datasets if name not in suite.tuning_datasets))
    for name in chosen:
        if name not in suite.datasets:
            raise UserError(f"the suite has no data set {name!r}; {nearest(name, suite.datasets)}")
        if name in suite.tuning_datasets:
            raise UserError(f"the data set {name!r} is for tuning only: no system is reported on it")
    return {name: dataset for name, dataset in suite.datasets.items() if name in chosen}
