"""The sections about what went wrong: failures, and expected numbers beside measured ones."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Results
from harness.results.facts import CheckFacts


def failures(results: Results) -> Iterator[Section]:
    """List what failed, and why; no section if nothing did."""
    quantities_of: dict[tuple[str, str, str, str], list[str]] = {}
    for row in results.measurements:
        if row.failed:
            key = (row.system, row.dataset, row.stage or "whole system", row.reason or "")
            quantities_of.setdefault(key, []).append(row.quantity)
    if not quantities_of:
        return
    rows = tuple(
        tuple(map(Cell, (system, dataset, stage, ", ".join(dict.fromkeys(quantities)), reason)))
        for (system, dataset, stage, reason), quantities in quantities_of.items()
    )
    columns = tuple(map(Column, ("system", "data set", "stage", "quantities", "reason")))
    yield Section("Failures", (Table("A quantity that failed has a reason and no number.", columns, rows),))


def checks(results: Results) -> Iterator[Section]:
    """List the numbers that the suite expects, beside those that were measured; no section if it expects none."""
    rows = tuple(map(_row, results.facts.checks))
    if rows:
        heads = ("system", "data set", "measure", "expected", "within", "measured", "status", "source")
        columns = tuple(Column(head, numeric=head in ("expected", "within", "measured")) for head in heads)
        caption = "The numbers that the suite expects, and the tolerance within which they count as met."
        yield Section("Checks against published numbers", (Table(caption, columns, rows),))


def _row(check: CheckFacts) -> tuple[Cell, ...]:
    texts = (
        check.system,
        check.dataset,
        check.quantity,
        numbers.measure(check.expected),
        f"± {check.within:g}",
        numbers.measure(check.value),
    )
    status = Cell(check.status, strong=check.status != "met")
    return (*map(Cell, texts), status, Cell(numbers.fact(check.source)))
