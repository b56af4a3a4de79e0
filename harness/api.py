"""The straight line from a suite to its results, for the command line and for Python alike."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from harness.execute.local import execute
from harness.execute.progress import Progress, Silent
from harness.execute.reporter import Reporter
from harness.latency.measure import measure, timed_targets
from harness.latency.target_stages import stored_inputs
from harness.machine import default_device, threads
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from harness.record.provenance import Invocation
from harness.record.recorder import record
from harness.results import Results
from harness.stage import Runtime
from harness.store import Store
from harness.suite.price_file import load_prices


def run(
    suite: str | PathLike[str],
    *,
    only: Iterable[str] | None = None,
    datasets: Iterable[str] | None = None,
    results: str | PathLike[str] = "results",
    reports: str | PathLike[str] | None = None,
    store: str | PathLike[str] | None = None,
    device: str = "auto",
    prices: str | PathLike[str] | None = None,
    latency: bool = True,
    quiet: bool = True,
) -> Results:
    """Run a suite file, as `harness run` does, and return what was recorded under `results`.

    `only` are patterns of systems, `datasets` names of data sets, `store` is the folder of artifacts (by default
    $HARNESS_STORE or .harness/store), `device` is auto, cpu or cuda, `prices` a price file in the place of the suite's.
    Without `latency` nothing is timed, whatever the suite says. A report is written where `reports` names a folder. A
    system that fails is in the results, with `status` "failed" and its reason. Raises UserError for a mistake in the
    suite.
    """
    started = datetime.now(UTC)
    place = Path(store) if store is not None else None
    runtime, priced = Runtime(default_device(device), threads()), load_prices(Path(prices)) if prices else None
    job = Invocation(started, f"harness.run({str(suite)!r})", runtime, priced)
    plan, opened = prepare_plan(Path(suite), _words(only), _words(datasets), place, device, fetch=True)
    with nullcontext(Silent()) if quiet else Reporter(sys.stderr) as progress:
        recorded = carry_out(plan, opened, job, Path(results), progress, latency=latency)
    if reports is not None:
        from harness.report import render

        render([recorded], Path(reports) / recorded.suite / recorded.id)
    return recorded


def carry_out(
    plan: Plan, store: Store, job: Invocation, results: Path, progress: Progress, *, latency: bool = True
) -> Results:
    """Make what the plan owes, time what the suite says, record it under `results`, and return what was recorded."""
    words = plan.suite.latency if latency else None
    needed = [node for target in timed_targets(plan, words) for node in stored_inputs(target)] if words else []
    outcome = execute(plan, store, job.runtime, progress, needed)
    measured = measure(plan, outcome, words, store, job.runtime, progress) if words else None
    return Results.load(record(plan, outcome, store, job, results, measured))


def _words(given: Iterable[str] | None) -> list[str] | None:
    """Take one word for a list of one."""
    if given is None:
        return None
    return [given] if isinstance(given, str) else list(given)
