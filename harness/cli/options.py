"""The options, exit statuses and ways of printing that the commands share; importing it loads nothing heavy."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.store import Store

DONE, CHECK_FAILED, WRONG_INPUT, INCONCLUSIVE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Device(StrEnum):
    """A device on which stages run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


SuiteFile = Annotated[Path, typer.Argument(metavar="SUITE", help="A suite file (YAML).")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="The folder of the store.  [default: $HARNESS_STORE or .harness/store]")
]
Only = Annotated[
    list[str] | None, typer.Option(help="Use only the systems that match this pattern; may be given several times.")
]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", help="Use only this data set; may be given several times.")
]
OnDevice = Annotated[Device, typer.Option(help="The device on which stages run.")]
PriceFile = Annotated[
    Path | None, typer.Option("--prices", help="A price file for the report.  [default: the prices of the suite]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


def open_store(folder: Path | None) -> Store:
    """Open the store in a folder, None for the default one."""
    from harness.store import Store

    return Store.at(folder)


def print_json(document: Any) -> None:
    """Print a document as JSON that people can read too."""
    typer.echo(json.dumps(document, indent=1, ensure_ascii=False))


def print_rich(item: Any) -> None:
    """Print a table or a text of rich, 160 columns wide if the output is not a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(item)
