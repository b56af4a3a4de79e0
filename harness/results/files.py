"""Read single files of a result folder; every damage is one UserError that names the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.errors import Place, UserError, relative
from harness.results.layout import FORMAT, MEASUREMENTS, RUN
from harness.results.measurement import Measurement


def read_run_json(folder: Path) -> dict[str, Any]:
    """Read run.json. Raises UserError if it is missing, damaged, of another program or in a newer format."""
    file = folder / RUN
    if not file.is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{RUN}")) if folder.is_dir() else []
        near = f"; it holds the runs {', '.join(inside)}: name one of them" if inside else ""
        raise UserError(f"{relative(folder)} is not a result folder: it has no {RUN}{near}")
    try:
        document = json.loads(file.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"damaged: {error.msg}", Place(relative(file), error.lineno, error.colno)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"damaged: not UTF-8 at byte {error.start}", Place(relative(file))) from None
    number = document.get("format") if isinstance(document, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UserError("not a result of this harness: it has no 'format' number", Place(relative(file)))
    if number > FORMAT:
        message = f"written in format {number} by a newer harness; this one reads up to {FORMAT}: update it"
        raise UserError(message, Place(relative(file)))
    return dict(document)


def read_measurements(folder: Path) -> Iterator[Measurement]:
    """Yield the rows of measurements.jsonl. Raises UserError if it is missing, or with the line of a damaged row."""
    file = folder / MEASUREMENTS
    if not file.is_file():
        raise UserError(f"the result folder has no {MEASUREMENTS}", Place(relative(file)))
    known = {field.name for field in fields(Measurement)}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield Measurement(**{key: value for key, value in row.items() if key in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"damaged: {error}", Place(relative(file), number)) from None


def read_table(file: Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file; a missing one gives no rows. Raises UserError if it is damaged or lacks a column."""
    if not file.is_file():
        return schema.empty_table()
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file, partitioning=None)
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise UserError(f"damaged: {error}", Place(relative(file))) from None
