"""Results as Parquet files: `measurements.parquet`, `per_query.parquet` and, after timing, `latency.parquet`."""

from __future__ import annotations

from pathlib import Path

from harness.exports import tables
from harness.results import Results


def export(results: Results, out: Path) -> list[Path]:
    """Write the files to `out` and return them."""
    from pyarrow import parquet

    files = {"measurements.parquet": tables.measurements(results), "per_query.parquet": tables.per_query(results)}
    if results.latency().num_rows:
        files["latency.parquet"] = tables.latency(results)
    for name, table in files.items():
        parquet.write_table(table, out / name, compression="zstd")
    return [out / name for name in files]
