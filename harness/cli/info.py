"""The commands that describe the harness itself: `list`, `schema` and `doctor`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from harness.cli.options import CHECK_FAILED, DONE, AsJson, StoreFolder, open_store, print_json


class Kind(StrEnum):
    """A kind of name that a suite can use."""

    datasets = "datasets"
    stages = "stages"
    models = "models"
    measures = "measures"
    quantities = "quantities"


def list_names(
    kind: Annotated[Kind, typer.Argument(help="The kind of names to list.")],
    as_json: AsJson = False,
) -> None:
    """List everything that a suite can refer to, or the quantities in its results."""
    from harness.cli.inventory import inventory

    items = inventory(kind.value)
    if as_json:
        print_json([item._asdict() for item in items])
        return
    width = max(len(item.name) for item in items)
    for item in items:
        typer.echo(f"{item.name:<{width}}  {item.about}")


def schema() -> None:
    """Print the JSON Schema of the suite language, with which editors complete and check suites."""
    from harness.suite.schema import suite_schema

    print_json(suite_schema())


def doctor(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Check that this installation can run a suite: machine, libraries, models, store. Exit status 1 if it cannot."""
    from harness.cli.doctor import examine

    findings = examine(open_store(store))
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.verdict:<5} {finding.subject:<22} {finding.text}")
    raise typer.Exit(CHECK_FAILED if any(finding.verdict == "bad" for finding in findings) else DONE)
