"""The section about making: the time and the other resources that stages took when their artifacts were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.report.sections.artifacts import SIZES
from harness.results import Measurement, Results
from harness.results.quantities import Group, group_of, mode_of
from harness.results.timings import UNKNOWN

FIRST = ("encode_rate", "build_seconds")
"""The quantities of a stage that are listed first."""


def throughput(results: Results) -> Iterator[Section]:
    """List what making took, stage by stage, in one table per machine; what systems share is listed once."""
    shared: dict[str, dict[tuple[Any, ...], list[Measurement]]] = {}
    for row in results.measurements:
        if row.stage is not None and row.value is not None and not _shown_elsewhere(row.quantity):
            # A shared artifact may be the second of its name in one system and the first in another.
            stage = row.stage.split("#")[0]
            key = (row.dataset, stage, row.quantity, row.fingerprint, row.value)
            shared.setdefault(row.machine or UNKNOWN, {}).setdefault(key, []).append(row)
    if shared:
        titled = len(shared) > 1
        tables = (_table(results, machine, list(groups.values()), titled) for machine, groups in shared.items())
        yield Section("Stage throughput", tuple(tables))


def _shown_elsewhere(quantity: str) -> bool:
    return quantity in SIZES or mode_of(quantity) is not None or group_of(quantity) is Group.QUALITY


def _table(results: Results, machine: str, groups: list[list[Measurement]], titled: bool) -> Table:
    rows = []
    for sharing in sorted(groups, key=lambda group: _order(results, group[0])):
        row = sharing[0]
        users = numbers.some(list(dict.fromkeys(user.system for user in sharing)), most=3)
        quantity = row.quantity.replace("_seconds", "_time").replace("_", " ")
        texts = (row.dataset, row.stage or "", quantity, numbers.quantity(row.value, row.unit), numbers.count(row.n))
        rows.append(tuple(map(Cell, (*texts, users))))
    caption = f"From cost records of {machine}, not a latency: what each stage took when its artifact was made."
    heads = ("data set", "stage", "quantity", "value", "items", "used by")
    columns = tuple(Column(head, numeric=head in ("value", "items")) for head in heads)
    return Table(caption, columns, tuple(rows), f"On {machine}" if titled else "")


def _order(results: Results, row: Measurement) -> tuple[int, str, int]:
    order = FIRST.index(row.quantity) if row.quantity in FIRST else len(FIRST)
    return results.datasets.index(row.dataset), row.stage or "", order
