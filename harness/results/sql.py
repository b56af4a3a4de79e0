"""SQL over any number of result folders: DuckDB reads their files in place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from harness.errors import UserError
from harness.results.layout import (
    CONTEXTS_SCHEMA,
    LATENCY_SCHEMA,
    MEASUREMENTS,
    PER_QUERY_SCHEMA,
    RUN,
    TAGS_SCHEMA,
)
from harness.results.measurement import Measurement

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
"""The columns of the table `runs`, and their paths in run.json; the column `facts` holds all of run.json."""
NUMBERS = {"value": "DOUBLE", "n": "BIGINT", "low": "DOUBLE", "high": "DOUBLE"}
"""The columns of `measurements` that are numbers, with their SQL types."""
ALWAYS = {
    "per_query": PER_QUERY_SCHEMA,
    "tags": TAGS_SCHEMA,
    "contexts": CONTEXTS_SCHEMA,
    "latency": LATENCY_SCHEMA,
}
"""Tables that exist, without rows, even where no folder has their file."""


class RunSource(NamedTuple):
    """A result folder and the name of its run."""

    run: str
    folder: Path


def run_sql(sources: Sequence[RunSource], sql: str) -> pa.Table:
    """Return the answer of DuckDB to a query over result files, which are read in place.

    The tables are `runs`, `measurements`, those of `ALWAYS`, and every other Parquet file of a folder under its name.
    Each table begins with the column `run`. Raises UserError, in one line, for whatever DuckDB cannot answer.
    """
    import duckdb

    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
        try:
            for name, select in _views(sources).items():
                connection.sql(f'CREATE VIEW "{name}" AS {select}')
            answer = connection.sql(sql)
            if answer is None:
                raise UserError("the query returns no rows; expected something like: select * from measurements")
            return answer.to_arrow_table()
        except duckdb.Error as error:
            raise UserError(f"DuckDB: {_first(str(error))}") from None


def _views(sources: Sequence[RunSource]) -> dict[str, str]:
    """Return the SELECT of each table, by name."""
    types = {field.name: NUMBERS.get(field.name, "VARCHAR") for field in fields(Measurement)}
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    facts = ", ".join(f"facts->>'{path}' AS \"{name}\"" for name, path in RUN_COLUMNS.items())
    views = {
        "runs": _union(
            f"SELECT {_text(s.run)} AS run, {facts}, {_text(s.folder)} AS folder, facts"  # noqa: S608  names, quoted
            f" FROM (SELECT content::JSON AS facts FROM read_text({_file(s.folder / RUN)}))"
            for s in sources
        ),
        "measurements": _union(
            f"SELECT {_text(s.run)} AS run, * FROM read_json({_file(s.folder / MEASUREMENTS)},"  # noqa: S608
            f" format = 'newline_delimited', columns = {{{columns}}})"
            for s in sources
        ),
    }
    for name, schema in ALWAYS.items():
        empty = ", ".join(f"NULL::{_sql_type(field.type)} AS {field.name}" for field in schema)
        views[name] = f"SELECT NULL::VARCHAR AS run, {empty} WHERE false"
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
    """Quote a path, with its wildcard characters escaped."""
    return _text(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _first(message: str) -> str:
    """Return the message without the excerpt of the query that DuckDB draws below it."""
    return " ".join(message.split("LINE ")[0].split())
