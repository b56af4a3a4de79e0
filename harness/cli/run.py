"""The commands `run` and `plan`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    CHECK_FAILED,
    DONE,
    SOME_FAILED,
    AsJson,
    Datasets,
    Device,
    OnDevice,
    Only,
    PriceFile,
    StoreFolder,
    SuiteFile,
    print_json,
    print_rich,
)

if TYPE_CHECKING:
    from harness.results.facts import RunFacts


def run(
    suite: SuiteFile,
    only: Only = None,
    dataset: Datasets = None,
    results: Annotated[Path, typer.Option(help="The folder for results.")] = Path("results"),
    reports: Annotated[Path, typer.Option(help="The folder for reports.")] = Path("reports"),
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    prices: PriceFile = None,
    no_latency: Annotated[
        bool, typer.Option("--no-latency", help="Time nothing, even if the suite asks for it.")
    ] = False,
) -> None:
    """Run a suite: make what is missing, score it, record it, and write the report."""
    from harness.api import Request, report_folder, run_suite
    from harness.execute.reporter import Reporter
    from harness.report.formats.terminal import summary

    request = Request(
        suite=suite,
        command="harness " + shlex.join(sys.argv[1:]),
        only=tuple(only) if only else None,
        datasets=tuple(dataset) if dataset else None,
        results=results,
        reports=reports,
        store=store,
        device=device.value,
        prices=prices,
        latency=not no_latency,
    )
    recorded = run_suite(request, Reporter(sys.stderr))
    for reason in dict.fromkeys(row.reason for row in recorded.measurements if row.failed):
        typer.echo(f"harness: failed: {reason}", err=True)
    print_rich(summary(recorded))
    typer.echo(f"results: {recorded.folder}\nreport:  {report_folder(reports, recorded) / 'report.html'}")
    raise typer.Exit(_status(recorded.facts))


def _status(facts: RunFacts) -> int:
    if facts.status != "complete":
        return SOME_FAILED
    return CHECK_FAILED if any(check.status != "met" for check in facts.checks) else DONE


def plan(
    suite: SuiteFile,
    only: Only = None,
    dataset: Datasets = None,
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Show for every distinct stage whether it is reused or made, why, and how long that may take. Nothing is run."""
    from harness.cli.plan_view import as_document, as_table
    from harness.plan.dry_run import forecast
    from harness.plan.prepare import prepare_plan

    prepared, opened = prepare_plan(suite, only, dataset, store, device.value, fetch=False)
    prospects = forecast(prepared, opened)
    if as_json:
        print_json(as_document(prepared, prospects))
    else:
        for part in as_table(prepared, prospects):
            print_rich(part)
