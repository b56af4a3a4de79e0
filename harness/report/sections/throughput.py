"""The section about what stages took when they were made, wherever and whenever that was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.report.sections.artifacts import SIZES
from harness.results import Measurement, Results
from harness.results.timings import TIMED, UNKNOWN

WORKED = ("encode_rate", "build_seconds")
"""The order in which quantities of stages are listed; others follow."""


def throughput(results: Results) -> Iterator[Section]:
    """List what the stages took when they were made, a table a machine; what systems share stands once."""
    shared: dict[str, dict[tuple[Any, ...], list[Measurement]]] = {}
    for row in results.measurements:
        if row.stage is not None and row.value is not None and not _elsewhere(row.quantity):
            stage = row.stage.split("#")[0]  # a shared artifact may be the second of its name in one system alone
            key = (row.dataset, stage, row.quantity, row.fingerprint, row.value)
            shared.setdefault(row.machine or UNKNOWN, {}).setdefault(key, []).append(row)
    if shared:
        titled = len(shared) > 1
        tables = (_took(results, machine, list(found.values()), titled) for machine, found in shared.items())
        yield Section("Stage throughput", tuple(tables))


def _elsewhere(quantity: str) -> bool:
    return quantity in SIZES or TIMED.fullmatch(quantity) is not None


def _took(results: Results, machine: str, shared: list[list[Measurement]], titled: bool) -> Table:
    rows = []
    for users in sorted(shared, key=lambda found: _place(results, found[0])):
        row = users[0]
        names = numbers.some(list(dict.fromkeys(user.system for user in users)), most=3)
        quantity = row.quantity.replace("_seconds", "_time").replace("_", " ")
        texts = (row.dataset, row.stage or "", quantity, numbers.quantity(row.value, row.unit), numbers.count(row.n))
        rows.append(tuple(map(Cell, (*texts, names))))
    caption = f"From cost records of {machine}, not a latency: what each stage took when it was made."
    heads = ("data set", "stage", "quantity", "took", "items", "used by")
    columns = tuple(Column(head, numeric=head in ("took", "items")) for head in heads)
    return Table(caption, columns, tuple(rows), f"On {machine}" if titled else "")


def _place(results: Results, row: Measurement) -> tuple[int, str, int]:
    order = WORKED.index(row.quantity) if row.quantity in WORKED else len(WORKED)
    return results.datasets.index(row.dataset), row.stage or "", order
