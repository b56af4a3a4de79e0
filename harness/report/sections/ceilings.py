"""The value of a measure that a perfect reranker would reach with the candidates of each reranker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.report import numbers
from harness.report.document import Cell, Column, Table
from harness.results import Measurement, Results
from harness.results.quantities import find_quantity


class Ceiling(NamedTuple):
    """The value of a measure for the best order of a reranker's candidates, and the value that the system reached."""

    system: str
    stage: str
    depth: int
    measure: str
    highest: float
    reached: float | None


def ceilings(results: Results, dataset: str) -> list[Ceiling]:
    """Return the ceilings on a data set, in the order in which they were recorded."""
    return [ceiling for row in results.measurements if row.dataset == dataset for ceiling in _read(results, row)]


def _read(results: Results, row: Measurement) -> Iterator[Ceiling]:
    known = find_quantity(row.quantity)
    if known and known.quantity.name == "ceiling@k_measure" and row.value is not None:
        depth, measure = int(known.parts["k"]), known.parts["measure"]
        reached = results.value(row.dataset, row.system, measure)
        yield Ceiling(row.system, row.stage or "", depth, measure, row.value, reached)


def table(results: Results, dataset: str) -> list[Table]:
    """Return a table of the rerankers with their ceilings; [] if no system reranks."""
    heads = ("system", "reranker", "candidates", "measure", "ceiling", "reached")
    columns = tuple(Column(head, numeric=head in ("candidates", "ceiling", "reached")) for head in heads)
    rows = tuple(
        (
            Cell(ceiling.system),
            Cell(ceiling.stage),
            Cell(numbers.count(ceiling.depth)),
            Cell(ceiling.measure),
            Cell(numbers.measure(ceiling.highest)),
            Cell(numbers.measure(ceiling.reached)),
        )
        for ceiling in ceilings(results, dataset)
    )
    caption = (
        "The ceiling is the value for the best order of a reranker's candidates: no reranker can find a document that "
        "is not among them."
    )
    return [Table(caption, columns, rows, "Ceilings of the rerankers")] if rows else []


def lines(results: Results, dataset: str) -> Iterator[str]:
    """Yield one line per ceiling, for a terminal."""
    for system, stage, depth, measure, highest, reached in ceilings(results, dataset):
        allowed = f"{system}, {stage}: {depth} candidates allow {measure} {numbers.measure(highest)}"
        yield allowed if reached is None else f"{allowed}, reached {numbers.measure(reached)}"
