"""The texts that the reader gets for each query, beside the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from harness.report import numbers
from harness.report.document import Cell, Column, Table
from harness.results import Measurement, Results

COUNTS: Mapping[str, tuple[str, Callable[[float | None], str]]] = {
    "context_tokens": ("tokens", numbers.count),
    "context_budget": ("budget", numbers.count),
    "context_texts": ("texts", partial(numbers.quantity, unit="")),
    "context_documents": ("documents", partial(numbers.quantity, unit="")),
}
"""The heading of each quantity, and how its values are formatted."""
SPANS = {f"context_span_{name}": f"span {name}" for name in ("recall", "precision", "iou")}


def arranged(results: Results, dataset: str) -> list[Measurement]:
    """Return the mean number of tokens that the reader gets, for each system that arranges."""
    rows = (row for row in results.measurements if row.dataset == dataset and row.quantity == "context_tokens")
    return [row for row in rows if row.value is not None]


def table(results: Results, dataset: str) -> list[Table]:
    """Return a table of what the reader gets from each system; [] if no system arranges."""
    systems = [row.system for row in arranged(results, dataset)]
    spans = {
        name: head
        for name, head in SPANS.items()
        if any(results.value(dataset, system, name) is not None for system in systems)
    }
    heads = (*(head for head, _ in COUNTS.values()), *spans.values())
    columns = (Column("system"), *(Column(head, numeric=True) for head in heads))
    rows = tuple(
        (
            Cell(system),
            *map(Cell, _counts(results, dataset, system)),
            *(Cell(numbers.measure(results.value(dataset, system, name))) for name in spans),
        )
        for system in systems
    )
    caption = "Means over all queries; contexts.parquet lists each text with its document and position."
    return [Table(caption, columns, rows, "What the reader gets")] if rows else []


def lines(results: Results, dataset: str) -> Iterator[str]:
    """Yield one line per system, for a terminal."""
    for row in arranged(results, dataset):
        tokens, budget, texts, documents = _counts(results, dataset, row.system)
        yield f"{row.system}: the reader gets {tokens} of {budget} tokens, {texts} texts from {documents} documents"


def _counts(results: Results, dataset: str, system: str) -> list[str]:
    return [write(results.value(dataset, system, name)) for name, (_, write) in COUNTS.items()]
