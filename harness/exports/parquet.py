"""Results as two Parquet files, `measurements.parquet` and `per_query.parquet`."""

from __future__ import annotations

from pathlib import Path

from harness.exports import tables
from harness.results import Results


def export(results: Results, out: Path) -> list[Path]:
    """Write both files into `out` and return them."""
    from pyarrow import parquet

    files = {"measurements.parquet": tables.measurements(results), "per_query.parquet": tables.per_query(results)}
    for name, table in files.items():
        parquet.write_table(table, out / name, compression="zstd")
    return [out / name for name in files]
