"""What a perfect reranker could have reached with the documents that each reranker was given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.report import numbers
from harness.report.document import Cell, Column, Table
from harness.results import Measurement, Results

QUANTITY = re.compile(r"ceiling@(\d+)_(.+)")


class Ceiling(NamedTuple):
    """The highest value of a measure that an order of a system's candidates has, and what the system reached."""

    system: str
    stage: str
    depth: int
    measure: str
    highest: float
    reached: float | None


def found(results: Results, dataset: str) -> list[Ceiling]:
    """Return the ceilings of a data set, in the order in which they were recorded."""
    return [ceiling for row in results.measurements if row.dataset == dataset for ceiling in _read(results, row)]


def _read(results: Results, row: Measurement) -> Iterator[Ceiling]:
    match = QUANTITY.fullmatch(row.quantity)
    if match and row.value is not None:
        reached = results.value(row.dataset, row.system, match[2])
        yield Ceiling(row.system, row.stage or "", int(match[1]), match[2], row.value, reached)


def table(results: Results, dataset: str) -> list[Table]:
    """Put the rerankers under their ceilings; nothing where no system reranks."""
    heads = ("system", "reranker", "candidates", "measure", "ceiling", "reached")
    columns = tuple(Column(head, numeric=i not in (0, 1, 3)) for i, head in enumerate(heads))
    rows = tuple(
        (
            Cell(one.system),
            Cell(one.stage),
            Cell(numbers.count(one.depth)),
            Cell(one.measure),
            Cell(numbers.measure(one.highest)),
            Cell(numbers.measure(one.reached)),
        )
        for one in found(results, dataset)
    )
    caption = "The ceiling is what a perfect order of a reranker's candidates has: no reranker finds what is not there."
    return [Table(caption, columns, rows, "Ceilings of the rerankers")] if rows else []


def lines(results: Results, dataset: str) -> Iterator[str]:
    """Say it in a line for each, for a terminal."""
    for one in found(results, dataset):
        got = "" if one.reached is None else f", reached {numbers.measure(one.reached)}"
        said = f"{one.system}, {one.stage}: {one.depth} candidates allow {one.measure} {numbers.measure(one.highest)}"
        yield said + got
