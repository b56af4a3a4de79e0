"""The command `harness`: each command reads its words and walks the straight line; nothing heavy is imported before."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import HarnessError, UserError

if TYPE_CHECKING:
    from harness.store import Store


DONE, CHECK_FAILED, WRONG_INPUT, INCONCLUSIVE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

app = typer.Typer(
    name="harness",
    help="Measure which retrieval configuration to ship: quality, statistics and cost in one report.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="Look into the store of artifacts, check it, and clear it.", no_args_is_help=True)
app.add_typer(store_app, name="store")


class Device(StrEnum):
    """Where stages run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Kind(StrEnum):
    """What `harness list` can list."""

    datasets = "datasets"
    stages = "stages"
    models = "models"
    measures = "measures"


def _version(asked: bool) -> None:
    if asked:
        from harness import __version__

        typer.echo(__version__)
        raise typer.Exit


SuiteFile = Annotated[Path, typer.Argument(metavar="SUITE", help="A suite file (YAML).")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="The store of artifacts.  [default: $HARNESS_STORE or .harness/store]")
]
Only = Annotated[list[str] | None, typer.Option(help="Only the systems that match this pattern; may be repeated.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="Only this data set; may be repeated.")]
OnDevice = Annotated[Device, typer.Option(help="Where stages run.")]
PriceFile = Annotated[
    Path | None,
    typer.Option("--prices", help="A price file, from which the report derives money.  [default: the suite's]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Measure which retrieval configuration to ship: quality, statistics and cost in one report."""


@app.command()
def run(
    suite: SuiteFile,
    only: Only = None,
    dataset: Datasets = None,
    results: Annotated[Path, typer.Option(help="Where results are written.")] = Path("results"),
    reports: Annotated[Path, typer.Option(help="Where reports are written.")] = Path("reports"),
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    prices: PriceFile = None,
    no_latency: Annotated[bool, typer.Option("--no-latency", help="Time nothing, whatever the suite says.")] = False,
) -> None:
    """Run a suite: make what is missing, score it, record it, and write the report."""
    from datetime import UTC, datetime

    from harness.api import carry_out
    from harness.execute.progress import Reporter
    from harness.machine import default_device, threads
    from harness.plan.prepare import prepare_plan
    from harness.record.provenance import Invocation
    from harness.report import render
    from harness.report.formats.terminal import summary
    from harness.stage import Runtime
    from harness.suite.price_file import load_prices

    started = datetime.now(UTC)
    priced = load_prices(prices) if prices else None
    plan, opened = prepare_plan(suite, only, dataset, store, device.value, fetch=True)
    job = Invocation(started, _command(), Runtime(default_device(device.value), threads()), priced)
    with Reporter(sys.stderr) as progress:
        recorded = carry_out(plan, opened, job, results, progress, latency=not no_latency)
    for reason in dict.fromkeys(row.reason for row in recorded.measurements if row.failed):
        typer.echo(f"harness: failed: {reason}", err=True)
    pages = render([recorded], reports / recorded.suite / recorded.id)
    _show(summary(recorded))
    typer.echo(f"results: {recorded.folder}\nreport:  {next(page for page in pages if page.suffix == '.html')}")
    raise typer.Exit(_verdict(recorded.run))


@app.command()
def plan(
    suite: SuiteFile,
    only: Only = None,
    dataset: Datasets = None,
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Show every distinct stage: reused or made, why, and an estimate of the time. Nothing is run."""
    from harness.cli.plan_view import as_document, as_table
    from harness.plan.dry_run import forecast
    from harness.plan.prepare import prepare_plan

    made, opened = prepare_plan(suite, only, dataset, store, device.value, fetch=False)
    prospects = forecast(made, opened)
    if as_json:
        typer.echo(json.dumps(as_document(made, prospects), indent=1, ensure_ascii=False))
    else:
        for part in as_table(made, prospects):
            _show(part)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Result folders.")],
    out: Annotated[Path | None, typer.Option(help="Where to write.  [default: reports/<suite>/<run>]")] = None,
    prices: PriceFile = None,
) -> None:
    """Draw the report again from result files alone: HTML, Markdown and CSV. Other prices need no new run."""
    from harness.report import render
    from harness.results import Results
    from harness.suite.price_file import load_prices

    priced = load_prices(prices) if prices else None
    loaded = [Results.load(path) for path in runs]
    folder = out or Path("reports") / loaded[0].run["suite"]["name"] / loaded[0].run["run"]
    for page in render(loaded, folder, priced):
        typer.echo(page)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A result folder.")],
    format: Annotated[str, typer.Option("--format", help="csv, mteb, parquet, ranx, trec or trec-gz.")],  # noqa: A002
    out: Annotated[Path, typer.Option(help="Where to write.")],
) -> None:
    """Write a run in another format: TREC files, tables, MTEB's or ranx's JSON."""
    from harness.exports import export_to
    from harness.results import Results

    for path in export_to(format, Results.load(run), out):
        typer.echo(path)


@app.command()
def verify(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Result folders.")],
    as_json: AsJson = False,
) -> None:
    """Score the stored runs again, check every checksum, and name what differs from what was recorded."""
    from harness.verify import verify as check

    verdicts = [check(path) for path in runs]
    if as_json:
        typer.echo(json.dumps([verdict.as_document() for verdict in verdicts], indent=1, ensure_ascii=False))
    else:
        for verdict in verdicts:
            typer.echo(verdict.text())
    differs, unchecked = (any(getattr(v, what) for v in verdicts) for what in ("differs", "unchecked"))
    raise typer.Exit(CHECK_FAILED if differs else INCONCLUSIVE if unchecked else DONE)


@app.command()
def score(
    qrels: Annotated[Path, typer.Argument(metavar="QRELS", help="Judgements: lines of `query 0 document grade`.")],
    run: Annotated[Path, typer.Argument(metavar="RUNFILE", help="Lines of `query Q0 document rank score tag`.")],
    measures: Annotated[list[str], typer.Option("-m", "--measure", help="A measure, as nDCG@10; may be repeated.")],
    per_query: Annotated[bool, typer.Option("--per-query", help="Print the value of every query as well.")] = False,
    ties: Annotated[bool, typer.Option("--ties", help="Add expected, smallest and largest value over ties.")] = False,
    ignore_identical_ids: Annotated[
        bool, typer.Option("--ignore-identical-ids", help="Leave out documents that bear the id of their query.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score a TREC run, plain or gzipped, by the same measures as everywhere. A query that it lacks counts 0."""
    from harness.measures.scoring.score_run import score_files

    found = score_files(qrels, run, measures, ties=ties, ignore_identical_ids=ignore_identical_ids)
    for remark in found.remarks():
        typer.echo(f"harness: note: {remark}", err=True)
    if as_json:
        typer.echo(json.dumps(found.document(), ensure_ascii=False, allow_nan=False))
    else:
        for line in found.lines(per_query=per_query):
            typer.echo(line)


@app.command()
def data(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A suite file, WORD:VALUE as beir:FOLDER:test, or {source: …}.")
    ],
    dataset: Annotated[str | None, typer.Option("--dataset", help="Which data set of the suite.")] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Describe a data set: sizes, lengths, judgements, what is odd about it, and the names of its content."""
    from harness.cli.data_view import as_lines, describe, find_dataset

    said = describe(*find_dataset(source, dataset), _store(store))
    if as_json:
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        for line in as_lines(said):
            typer.echo(line)


@app.command("list")
def list_(kind: Kind, as_json: AsJson = False) -> None:
    """List what a suite can name."""
    from harness.cli.inventory import inventory

    found = inventory(kind.value)
    if as_json:
        typer.echo(json.dumps([{"name": name, "about": about} for name, about in found], indent=1, ensure_ascii=False))
        return
    width = max(len(name) for name, _ in found)
    for name, about in found:
        typer.echo(f"{name:<{width}}  {about}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the suite language, so that editors complete it."""
    from harness.suite.schema import suite_schema

    typer.echo(json.dumps(suite_schema(), indent=1, ensure_ascii=False))


@app.command()
def doctor(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Check this installation: machine, libraries, models, store. Exit status 1 if the main job cannot run."""
    from harness.cli.doctor import examine

    findings = examine(_store(store))
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=1, ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{finding.verdict:<5} {finding.subject:<22} {finding.text}")
    raise typer.Exit(CHECK_FAILED if any(finding.verdict == "bad" for finding in findings) else DONE)


@store_app.command("ls")
def store_ls(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """List the artifacts: name, size, and what made them."""
    from harness.cli.store_view import describe_all
    from harness.meter import size

    found = describe_all(_store(store))
    if as_json:
        typer.echo(json.dumps([item._asdict() for item in found], indent=1, ensure_ascii=False))
        return
    for item in found:
        typer.echo(f"{item.fingerprint[:12]}  {size(item.bytes):>9}  {item.title}")
    typer.echo(f"{len(found)} artifacts, {size(sum(item.bytes for item in found))}")


@store_app.command("verify")
def store_verify(store: StoreFolder = None) -> None:
    """Check every artifact against its checksums; set damaged ones aside. Exit status 1 if there were any."""
    opened = _store(store)
    names = list(opened)
    damaged = [name for name in names if not opened.usable(name)]
    for name in damaged:
        typer.echo(f"damaged, set aside: {name}")
    typer.echo(f"{len(names) - len(damaged)} of {len(names)} artifacts are whole")
    raise typer.Exit(CHECK_FAILED if damaged else DONE)


@store_app.command("gc")
def store_gc(
    suites: Annotated[list[Path], typer.Argument(metavar="SUITE...", help="Suites whose artifacts are kept.")],
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is shown; without it nothing is removed.")] = False,
) -> None:
    """Show what no named suite reaches; with --yes, remove it."""
    from harness.cli.store_view import describe_all, remove, unreachable
    from harness.meter import size
    from harness.plan.prepare import prepare_plan

    opened = _store(store)
    plans = [prepare_plan(suite, None, None, store, device.value, fetch=False)[0] for suite in suites]
    names = unreachable(opened, plans)
    for item in describe_all(opened, names):
        typer.echo(f"{item.fingerprint[:12]}  {size(item.bytes):>9}  {item.title}")
    freed = remove(opened, names) if yes else sum(item.bytes for item in describe_all(opened, names))
    typer.echo(
        f"{len(names)} artifacts, {size(freed)} " + ("removed" if yes else "would be removed; add --yes to remove them")
    )


def _store(folder: Path | None) -> Store:
    from harness.store import Store

    return Store.at(folder)


def _command() -> str:
    import shlex

    return "harness " + shlex.join(sys.argv[1:])


def _verdict(run: Mapping[str, Any]) -> int:
    if run["status"] != "complete":
        return SOME_FAILED
    return CHECK_FAILED if any(check["status"] != "met" for check in run["checks"]) else DONE


def _show(item: Any) -> None:
    """Print something drawn by rich; where no terminal says how wide it is, wide enough for a table."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(item)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning in one line, without the line of code that gave it."""
    typer.echo(f"harness: warning: {message}", err=True)


def main() -> None:
    """Run the command; a user's mistake is one message on standard error and exit status 2."""
    warnings.showwarning = _warn
    try:
        app()
    except UserError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(WRONG_INPUT)
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(CHECK_FAILED)
    except KeyboardInterrupt:
        typer.echo("harness: interrupted; what was finished is kept, run again to go on", err=True)
        sys.exit(INTERRUPTED)
