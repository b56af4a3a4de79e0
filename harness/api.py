"""Runs a suite: the straight line from a suite file to its results and its report, for Python and for the command."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
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
from harness.report import render
from harness.results import Results
from harness.stage import Runtime
from harness.store import Store
from harness.suite.price_file import load_prices


@dataclass(frozen=True)
class Request:
    """What to run, with what, and where to write it."""

    suite: Path
    command: str
    """The command or the call that asks for it, as run.json quotes it."""
    only: tuple[str, ...] | None = None
    """Patterns of the systems to run; None runs all."""
    datasets: tuple[str, ...] | None = None
    """The data sets to run on; None runs on all."""
    results: Path = Path("results")
    reports: Path | None = None
    """The folder for reports; None writes no report."""
    store: Path | None = None
    """The folder of the store; None uses $HARNESS_STORE or .harness/store."""
    device: str = "auto"
    prices: Path | None = None
    """A price file that replaces the prices of the suite."""
    latency: bool = True
    """Whether to time what the suite asks for; if false, nothing is timed."""


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
    """Run a suite file, as `harness run` does, and return the results that were written under `results`.

    `only` is a pattern or patterns of systems, and `datasets` a name or names of data sets. `store` is the folder of
    artifacts (by default $HARNESS_STORE or .harness/store), `device` is auto, cpu or cuda, and `prices` is a price file
    that replaces the prices of the suite. If `latency` is false, nothing is timed. If `reports` names a folder, a
    report is written there. Progress is shown on standard error unless `quiet`. A system that fails is in the results,
    with `status` "failed" and its reason. Raises UserError for a mistake in the suite or in the arguments.
    """
    request = Request(
        suite=Path(suite),
        command=f"harness.run({str(suite)!r})",
        only=_names(only),
        datasets=_names(datasets),
        results=Path(results),
        reports=_path(reports),
        store=_path(store),
        device=device,
        prices=_path(prices),
        latency=latency,
    )
    return run_suite(request, nullcontext(Silent()) if quiet else Reporter(sys.stderr))


def run_suite(request: Request, progress: AbstractContextManager[Progress]) -> Results:
    """Make what a suite needs and the store lacks, time it, record it, and write the report.

    `progress` is entered once the plan is made, and left once the results are recorded. Returns the results. Raises
    UserError for a mistake in the suite or in the request.
    """
    started = datetime.now(UTC)
    prices = load_prices(request.prices) if request.prices else None
    invocation = Invocation(started, request.command, Runtime(default_device(request.device), threads()), prices)
    plan, store = prepare_plan(request.suite, request.only, request.datasets, request.store, request.device, fetch=True)
    with progress as reporter:
        results = _carry_out(request, plan, store, invocation, reporter)
    if request.reports is not None:
        render([results], report_folder(request.reports, results))
    return results


def _carry_out(request: Request, plan: Plan, store: Store, invocation: Invocation, progress: Progress) -> Results:
    runtime = invocation.runtime
    latency = plan.suite.latency if request.latency else None
    timed = timed_targets(plan, latency) if latency else []
    outcome = execute(plan, store, runtime, progress, [node for target in timed for node in stored_inputs(target)])
    measured = measure(plan, outcome, latency, store, runtime, progress) if latency else None
    return Results.load(record(plan, outcome, store, invocation, request.results, measured))


def report_folder(reports: Path, results: Results) -> Path:
    """Return the folder under `reports` in which the report of a run is written."""
    return reports / results.suite / results.id


def _names(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Accept a single name where several are possible."""
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def _path(path: str | PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)
