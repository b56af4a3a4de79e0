"""Results as two CSV files for programs, `measurements.csv` and `per_query.csv`, with every digit.

For a spreadsheet, use report.csv of `harness report`, in which no text can be taken for a formula.
"""

from __future__ import annotations

from pathlib import Path

from harness.exports import tables
from harness.results import Results


def export(results: Results, out: Path) -> list[Path]:
    """Write both files to `out` and return them; a missing number is an empty cell."""
    from pyarrow import csv

    files = {"measurements.csv": tables.measurements(results), "per_query.csv": tables.per_query(results)}
    for name, table in files.items():
        csv.write_csv(table, out / name)
    return [out / name for name in files]
