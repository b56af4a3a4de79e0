"""The tables of a run with its name and its suite: every number, every value per query, every lap."""

from __future__ import annotations

from dataclasses import asdict, fields

import pyarrow as pa

from harness.results import Measurement, Results

KINDS = {"value": pa.float64(), "n": pa.int64(), "low": pa.float64(), "high": pa.float64()}
SCHEMA = pa.schema([(field.name, KINDS.get(field.name, pa.string())) for field in fields(Measurement)])


def measurements(results: Results) -> pa.Table:
    """Return one row per number, with the columns of measurements.jsonl."""
    return _named(pa.Table.from_pylist([asdict(row) for row in results.measurements], SCHEMA), results)


def per_query(results: Results) -> pa.Table:
    """Return one row per measure and query."""
    return _named(results.per_query(), results)


def latency(results: Results) -> pa.Table:
    """Return one row per lap, and one per stage within it."""
    return _named(results.latency(), results)


def _named(table: pa.Table, results: Results) -> pa.Table:
    """Return the table with the columns `run` and `suite` in front, so that tables of several runs can be combined."""
    for position, (name, value) in enumerate((("run", results.id), ("suite", results.suite))):
        table = table.add_column(position, name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
    return table
