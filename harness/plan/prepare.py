"""Prepares the plan and the store of a suite file: the straight line from the suite to its plan."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.machine import default_device
from harness.plan.build import make_plan
from harness.plan.leakage import refuse_leakage
from harness.plan.leaves import find_leaves
from harness.plan.plan import Plan
from harness.store import Store
from harness.suite import load_suite
from harness.suite.selection import select


def prepare_plan(
    path: Path,
    patterns: Iterable[str] | None,
    datasets: Iterable[str] | None,
    folder: Path | None,
    device: str,
    *,
    fetch: bool,
) -> tuple[Plan, Store]:
    """Return the plan of a suite file and the store in `folder`, None for the default one.

    `patterns` select systems and `datasets` data sets, None all of them; `fetch` allows missing data sets and models
    to be downloaded. Raises UserError for any mistake in the suite or the selection.
    """
    store = Store.at(folder)
    selection = select(load_suite(path, device=default_device(device)), patterns, datasets)
    suite, collections = selection.suite, selection.datasets | selection.tuning_datasets
    leaves = find_leaves(collections, selection.models, suite.base, store, fetch=fetch, run_files=selection.run_files)
    refuse_leakage(selection, leaves, store)
    return make_plan(suite, leaves, selection.systems), store
