"""The section about artifacts: the size on disk of everything that a stage produced."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Measurement, Results

CAPTION = "On disk, in the store. Systems that share an artifact share a line."
SIZES = ("artifact_bytes", "artifact_bytes_per_row")
"""The quantities of the section: the size of an artifact, and its size per document or passage."""


def artifacts(results: Results) -> Iterator[Section]:
    """List the artifacts of the systems, each once; no section if no sizes were recorded."""
    sizes_of: dict[tuple[str, str, str | None], dict[str, list[Measurement]]] = {}
    for row in results.measurements:
        if row.quantity in SIZES and row.value is not None:
            # A shared artifact may be the second of its name in one system and the first in another.
            stage = (row.stage or "").split("#")[0]
            sizes = sizes_of.setdefault((row.dataset, stage, row.fingerprint), {})
            sizes.setdefault(row.quantity, []).append(row)
    if sizes_of:
        rows = tuple(_line(dataset, stage, sizes) for (dataset, stage, _), sizes in sizes_of.items())
        heads = ("data set", "stage", "size", "size per row", "used by")
        columns = tuple(Column(head, numeric=head.startswith("size")) for head in heads)
        yield Section("Artifacts", (Table(CAPTION, columns, rows),))


def _line(dataset: str, stage: str, sizes: dict[str, list[Measurement]]) -> tuple[Cell, ...]:
    totals, shares = (sizes.get(name, []) for name in SIZES)
    users = numbers.some(list(dict.fromkeys(row.system for row in (*totals, *shares))), most=3)
    total = numbers.quantity(totals[0].value, "bytes") if totals else numbers.NOTHING
    share = _per_row(shares[0]) if shares else numbers.NOTHING
    return tuple(map(Cell, (dataset, stage, total, share, users)))


def _per_row(row: Measurement) -> str:
    return f"{numbers.quantity(row.value, 'bytes')} {row.unit.replace('bytes/', 'per ')}"
