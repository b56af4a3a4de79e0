"""The part of a suite that a command is asked for: some systems, some data sets, and the models these need."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping

from harness.datasets.base import Dataset
from harness.errors import UserError, nearest
from harness.models.weights import ModelSpec
from harness.suite.suite import Suite
from harness.suite.systems import System


def select_datasets(suite: Suite, names: Iterable[str] | None) -> dict[str, Dataset]:
    """Return the data sets of these names, for None all that systems are reported on.

    Raises UserError for a name the suite does not have, and for one that is for tuning only.
    """
    wanted = list(names or (name for name in suite.datasets if name not in suite.trained))
    for name in wanted:
        if name not in suite.datasets:
            raise UserError(f"the suite has no data set {name!r}; {nearest(name, suite.datasets)}")
        if name in suite.trained:
            raise UserError(f"the data set {name!r} is for tuning only: no system is reported on it")
    return {name: dataset for name, dataset in suite.datasets.items() if name in wanted}


def select_systems(suite: Suite, patterns: Iterable[str] | None) -> dict[str, System]:
    """Return the systems that match any pattern (`*`, `?`, `[…]`). Raises UserError for a pattern that none matches."""
    chosen: set[str] = set()
    for pattern in patterns or ["*"]:
        found = fnmatch.filter(suite.systems, pattern)
        if not found:
            raise UserError(f"no system matches {pattern!r}; {nearest(pattern, suite.systems)}")
        chosen.update(found)
    return {name: system for name, system in suite.systems.items() if name in chosen}


def models_of(suite: Suite, systems: Mapping[str, System]) -> dict[str, ModelSpec]:
    """Return the models that these systems, and those they are built from, name."""
    names: set[str] = set()

    def collect(system: System) -> None:
        for step in system.steps:
            names.update({step.model} if step.model else ())
            for name in (step.word,) if step.role == "from" else step.of:
                collect(suite.systems[name])

    for system in systems.values():
        collect(system)
    return {name: spec for name, spec in suite.models.items() if name in names}


def only(systems: Mapping[str, System]) -> Callable[[str, str], bool]:
    """Return the filter that a plan takes."""
    return lambda _dataset, system: system in systems
