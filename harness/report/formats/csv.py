"""A report as rows for a spreadsheet: every number of every run, and the costs."""

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
"""The first characters of what a spreadsheet takes for a formula; an apostrophe is put in front."""


def csv_text(compared: Sequence[tuple[Results, Sequence[Comparison]]], money: Sequence[Money | None]) -> str:
    """Return CSV with one row per number; `standing` says how a system compares with the best by the headline measure.

    The costs of a run follow its rows; their `reason` is the utilisation that they assume.
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
            cells = {"run": results.id, "suite": results.suite, **asdict(row), "standing": standing}
            writer.writerow({name: _safe(value) for name, value in cells.items()})
    return file.getvalue()


def _safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text
