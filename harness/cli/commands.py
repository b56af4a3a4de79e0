"""The command `harness`: its commands, and what it does with errors and warnings."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from harness.cli import data, info, results, run, store
from harness.cli.options import CHECK_FAILED, INTERRUPTED, WRONG_INPUT
from harness.errors import HarnessError, UserError

app = typer.Typer(
    name="harness",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="List, check or clear the artifacts of the store.", no_args_is_help=True)


def _print_version(requested: bool) -> None:
    if requested:
        from harness import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Compare retrieval configurations: quality, statistics and cost in one report."""


app.command()(run.run)
app.command()(run.plan)
app.command()(results.report)
app.command()(results.export)
app.command()(results.verify)
app.command()(data.score)
app.command()(data.data)
app.command("list")(info.list_names)
app.command()(info.schema)
app.command()(info.doctor)
app.add_typer(store_app, name="store")
store_app.command()(store.ls)
store_app.command()(store.verify)
store_app.command()(store.gc)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning in one line, without the line of code that raised it."""
    typer.echo(f"harness: warning: {message}", err=True)


def main() -> None:
    """Run the command. A user's mistake is one message on standard error and exit status 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except UserError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(WRONG_INPUT)
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(CHECK_FAILED)
    except KeyboardInterrupt:
        typer.echo("harness: interrupted; finished work is kept, so run the command again to continue", err=True)
        sys.exit(INTERRUPTED)
