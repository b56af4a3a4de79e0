"""From a suite file to its plan and its store, in this process or, for one system, again in another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.machine import default_device
from harness.plan.build import make_plan
from harness.plan.leakage import refuse_shared, training_steps
from harness.plan.leaves import find_leaves
from harness.plan.plan import Plan
from harness.plan.run_files import find_runfiles
from harness.store import Store
from harness.suite import load_suite
from harness.suite.selection import models_of, only, select_datasets, select_systems


def prepare_plan(
    path: Path,
    patterns: Iterable[str] | None,
    datasets: Iterable[str] | None,
    folder: Path | None,
    device: str,
    *,
    fetch: bool,
) -> tuple[Plan, Store]:
    """Load a suite, name its leaves and lay its plan. Raises UserError for a mistake of whoever asks."""
    store = Store.at(folder)
    suite = load_suite(path, device=default_device(device))
    systems = select_systems(suite, patterns)
    wanted, models = select_datasets(suite, datasets), models_of(suite, systems)
    steps = training_steps(suite, systems)
    trained = {
        step.tuning.train: suite.datasets[step.tuning.train] for step in steps if step.tuning and step.tuning.train
    }
    arms = {name: suite.systems[name] for step in steps for name in step.of}
    leaves = find_leaves({**wanted, **trained}, models, suite.base, store, fetch=fetch)
    refuse_shared(suite, systems, leaves, store)
    runfiles = {**find_runfiles(suite, systems, wanted, store), **find_runfiles(suite, arms, trained, store)}
    leaves = replace(leaves, runfiles=runfiles)
    return make_plan(suite, leaves, only(systems)), store
