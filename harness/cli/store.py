"""The commands under `store`: `ls`, `verify` and `gc`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    CHECK_FAILED,
    DONE,
    AsJson,
    Device,
    OnDevice,
    StoreFolder,
    open_store,
    print_json,
)


def ls(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """List all artifacts: their names, their sizes, and the stages that made them."""
    from harness.cli.store_view import describe_all
    from harness.meter import size

    items = describe_all(open_store(store))
    if as_json:
        print_json([item._asdict() for item in items])
        return
    for item in items:
        typer.echo(item.line())
    typer.echo(f"{len(items)} artifacts, {size(sum(item.bytes for item in items))}")


def verify(store: StoreFolder = None) -> None:
    """Check every artifact against its checksums and set damaged ones aside. Exit status 1 if there are any."""
    opened = open_store(store)
    names = list(opened)
    damaged = [name for name in names if not opened.usable(name)]
    for name in damaged:
        typer.echo(f"damaged, set aside: {name}")
    typer.echo(f"{len(names) - len(damaged)} of {len(names)} artifacts are intact")
    raise typer.Exit(CHECK_FAILED if damaged else DONE)


def gc(
    suites: Annotated[list[Path], typer.Argument(metavar="SUITE...", help="The suites whose artifacts are kept.")],
    store: StoreFolder = None,
    device: OnDevice = Device.auto,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the artifacts; without it they are only shown.")] = False,
) -> None:
    """Show the artifacts that none of the named suites needs; with --yes, remove them."""
    from harness.cli.store_view import describe_all, remove, unreachable
    from harness.meter import size
    from harness.plan.prepare import prepare_plan

    opened = open_store(store)
    plans = [prepare_plan(suite, None, None, store, device.value, fetch=False)[0] for suite in suites]
    items = describe_all(opened, unreachable(opened, plans))
    for item in items:
        typer.echo(item.line())
    if yes:
        freed = remove(opened, [item.fingerprint for item in items])
        typer.echo(f"{len(items)} artifacts, {size(freed)} removed")
    else:
        total = size(sum(item.bytes for item in items))
        typer.echo(f"{len(items)} artifacts, {total} would be removed; add --yes to remove them")
