"""The section about artifacts: what everything that a stage made takes on disk, in all and for each of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import numbers
from harness.report.document import Cell, Column, Section, Table
from harness.results import Measurement, Results

CAPTION = "On disk, in the store. Systems that share an artifact share a line."
SIZES = ("artifact_bytes", "artifact_bytes_per_row")


def artifacts(results: Results) -> Iterator[Section]:
    """List the artifacts of the systems, each once; nothing where none was weighed."""
    found: dict[tuple[str, str, str | None], dict[str, list[Measurement]]] = {}
    for row in results.measurements:
        if row.quantity in SIZES and row.value is not None:
            stage = (row.stage or "").split("#")[
                0
            ]  # a shared artifact may be the second of its name in one system alone
            of = found.setdefault((row.dataset, stage, row.fingerprint), {})
            of.setdefault(row.quantity, []).append(row)
    if found:
        rows = tuple(_line(dataset, stage, sizes) for (dataset, stage, _), sizes in found.items())
        heads = ("data set", "stage", "size", "a row", "used by")
        columns = tuple(Column(head, numeric=head in ("size", "a row")) for head in heads)
        yield Section("Artifacts", (Table(CAPTION, columns, rows),))


def _line(dataset: str, stage: str, sizes: dict[str, list[Measurement]]) -> tuple[Cell, ...]:
    whole, each = (sizes.get(name, []) for name in SIZES)
    users = numbers.some(list(dict.fromkeys(row.system for row in (*whole, *each))), most=3)
    size = numbers.quantity(whole[0].value, "bytes") if whole else numbers.NOTHING
    share = (
        f"{numbers.quantity(each[0].value, 'bytes')} {each[0].unit.replace('bytes/', 'a ')}"
        if each
        else numbers.NOTHING
    )
    return tuple(map(Cell, (dataset, stage, size, share, users)))
