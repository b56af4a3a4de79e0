"""The files of result folders as tables: one Parquet file read, or DuckDB asked over any number of folders in place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from harness.errors import Place, UserError, relative

RUN_COLUMNS = {
    "suite": "$.suite.name",
    "started": "$.started",
    "ended": "$.ended",
    "status": "$.status",
    "harness": "$.harness.version",
    "commit": "$.harness.commit",
    "machine": "$.machine.id",
    "device": "$.runtime.device",
    "command": "$.command",
}
"""Columns of the table `runs`, and where they stand in run.json; the column `facts` is the whole of it."""


class RunSource(NamedTuple):
    """A result folder and the name of its run."""

    run: str
    folder: Path


def read_table(file: Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file, no rows where there is none; UserError where it is damaged or lacks a column."""
    if not file.is_file():
        return schema.empty_table()
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file, partitioning=None)
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise UserError(f"damaged: {error}", Place(relative(file))) from None


def ask(sources: Sequence[RunSource], rows: Mapping[str, str], empty: Mapping[str, pa.Schema], sql: str) -> pa.Table:
    """Answer a query of DuckDB over result files, which are read in place.

    `rows` are the columns of `measurements` with their types. Every Parquet file of a folder is a table of its name
    (`per_query`, …); those of `empty` are there even where no folder has one. Each table begins with the column `run`.
    Raises UserError, in one line, for what DuckDB cannot answer.
    """
    import duckdb

    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
        try:
            for name, select in _views(sources, rows, empty).items():
                connection.sql(f'CREATE VIEW "{name}" AS {select}')
            answer = connection.sql(sql)
            if answer is None:
                raise UserError("the query gives no rows; expected something like: select * from measurements")
            return answer.to_arrow_table()
        except duckdb.Error as error:
            raise UserError(f"DuckDB says: {_first(str(error))}") from None


def _views(sources: Sequence[RunSource], rows: Mapping[str, str], empty: Mapping[str, pa.Schema]) -> dict[str, str]:
    """Give the SELECT behind each table."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in rows.items())
    facts = ", ".join(f"facts->>'{path}' AS \"{name}\"" for name, path in RUN_COLUMNS.items())
    views = {
        "runs": _union(
            f"SELECT {_text(s.run)} AS run, {facts}, {_text(s.folder)} AS folder, facts"  # noqa: S608  names, quoted
            f" FROM (SELECT content::JSON AS facts FROM read_text({_file(s.folder / 'run.json')}))"
            for s in sources
        ),
        "measurements": _union(
            f"SELECT {_text(s.run)} AS run, * FROM read_json({_file(s.folder / 'measurements.jsonl')},"  # noqa: S608
            f" format = 'newline_delimited', columns = {{{columns}}})"
            for s in sources
        ),
    }
    for name, schema in empty.items():
        nothing = ", ".join(f"NULL::{_sql_type(field.type)} AS {field.name}" for field in schema)
        views[name] = f"SELECT NULL::VARCHAR AS run, {nothing} WHERE false"
    files = [(source, path) for source in sources for path in sorted(source.folder.glob("*.parquet"))]
    for name in sorted({path.stem for _, path in files}):
        views[name.replace('"', "")] = _union(
            f"SELECT {_text(source.run)} AS run, * FROM read_parquet({_file(path)})"  # noqa: S608
            for source, path in files
            if path.stem == name
        )
    return views


def _union(selects: Iterable[str]) -> str:
    return " UNION ALL BY NAME ".join(selects)


def _sql_type(kind: pa.DataType) -> str:
    return "DOUBLE" if pa.types.is_floating(kind) else "BIGINT" if pa.types.is_integer(kind) else "VARCHAR"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _file(path: Path) -> str:
    """Write a path so that none of its characters stands for others."""
    return _text(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _first(message: str) -> str:
    """Keep what went wrong and what is near it; leave out the drawing of the place."""
    return " ".join(message.split("LINE ")[0].split())
