"""The commands on result folders: `report`, `export` and `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import CHECK_FAILED, DONE, INCONCLUSIVE, AsJson, PriceFile, print_json

Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="One or more result folders.")]


def report(
    runs: Runs,
    out: Annotated[Path | None, typer.Option(help="The folder to write.  [default: reports/<suite>/<run>]")] = None,
    prices: PriceFile = None,
) -> None:
    """Write the report again from result files alone: HTML, Markdown and CSV. New prices need no new run."""
    from harness.report import render
    from harness.results import Results
    from harness.suite.price_file import load_prices

    loaded_prices = load_prices(prices) if prices else None
    results = [Results.load(path) for path in runs]
    folder = out or Path("reports") / results[0].suite / results[0].id
    for page in render(results, folder, loaded_prices):
        typer.echo(page)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A result folder.")],
    format: Annotated[  # noqa: A002  the name of the option
        str, typer.Option("--format", help="The format: csv, mteb, parquet, ranx, trec or trec-gz.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
) -> None:
    """Export a run for other tools: TREC files, tables, or the JSON of MTEB or ranx."""
    from harness.exports import export_to
    from harness.results import Results

    for path in export_to(format, Results.load(run), out):
        typer.echo(path)


def verify(runs: Runs, as_json: AsJson = False) -> None:
    """Score the stored runs again, check every checksum, and report every difference from what was recorded."""
    from harness.verify import verify as verify_run

    verdicts = [verify_run(path) for path in runs]
    if as_json:
        print_json([verdict.as_document() for verdict in verdicts])
    else:
        for verdict in verdicts:
            typer.echo(verdict.text())
    if any(verdict.differs for verdict in verdicts):
        raise typer.Exit(CHECK_FAILED)
    raise typer.Exit(INCONCLUSIVE if any(verdict.unchecked for verdict in verdicts) else DONE)
