"""A report as rows for a spreadsheet: every number of every run as measurements.jsonl has it, and money."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from harness.compare.comparison import Comparison
from harness.compare.costs import Money
from harness.report.numbers import printable
from harness.results import Measurement, Results

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet: an apostrophe is put before it."""


def csv_text(compared: Sequence[tuple[Results, Sequence[Comparison]]], money: Sequence[Money | None]) -> str:
    """Write one row a number; `standing` says on the headline measure how a system stands to the best.

    Money follows the rows of its run, in its currency; `reason` says at which utilisation it holds.
    """
    file = io.StringIO()
    names = ["run", "suite", *(field.name for field in fields(Measurement)), "standing"]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for (results, comparisons), sums in zip(compared, money, strict=True):
        standings = {
            (comparison.dataset, entry.system, comparison.headline): entry.standing.value
            for comparison in comparisons
            for entry in comparison.entries
        }
        for row in (*results.measurements, *(sums.rows() if sums else ())):
            key = (row.dataset, row.system, row.quantity)
            standing = standings.get(key, "") if row.stage is None else ""
            said = {"run": results.id, "suite": results.suite, **asdict(row), "standing": standing}
            writer.writerow({name: _safe(value) for name, value in said.items()})
    return file.getvalue()


def _safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text
