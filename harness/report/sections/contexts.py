"""What a reader gets of each query, beside its budget."""

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
"""What stands under which head, and how it is written."""
SPANS = {f"context_span_{what}": f"span {what}" for what in ("recall", "precision", "iou")}


def found(results: Results, dataset: str) -> list[Measurement]:
    """Return the mean number of tokens that readers get, of each system that arranges."""
    rows = (row for row in results.measurements if row.dataset == dataset and row.quantity == "context_tokens")
    return [row for row in rows if row.value is not None]


def table(results: Results, dataset: str) -> list[Table]:
    """Put the systems under what a reader gets of them; nothing where no system arranges."""
    systems = [row.system for row in found(results, dataset)]
    spans = {
        name: head
        for name, head in SPANS.items()
        if any(results.value(dataset, system, name) is not None for system in systems)
    }
    columns = (
        Column("system"),
        *(Column(head, numeric=True) for head in (*(head for head, _ in COUNTS.values()), *spans.values())),
    )
    rows = tuple(
        (
            Cell(system),
            *map(Cell, _counts(results, dataset, system)),
            *(Cell(numbers.measure(results.value(dataset, system, name))) for name in spans),
        )
        for system in systems
    )
    caption = "Means over all queries; each text, its place and its document stand in contexts.parquet."
    return [Table(caption, columns, rows, "What a reader gets")] if rows else []


def lines(results: Results, dataset: str) -> Iterator[str]:
    """Say it in a line for each, for a terminal."""
    for row in found(results, dataset):
        got, budget, texts, documents = _counts(results, dataset, row.system)
        yield f"{row.system}: a reader gets {got} of {budget} tokens, {texts} texts of {documents} documents"


def _counts(results: Results, dataset: str, system: str) -> list[str]:
    return [write(results.value(dataset, system, name)) for name, (_, write) in COUNTS.items()]
