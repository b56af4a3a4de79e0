"""Result files: written once under a temporary name, read back with every damage named by file and line.

results/<suite>/<run>/
  run.json              what was run: suite, machine, libraries, data sets, models, systems, checks
  measurements.jsonl    one flat row a number
  per_query.parquet     dataset, system, query_id, quantity, value
  tags.parquet          dataset, query_id, tag; only where queries bear tags
  contexts.parquet      which parts of which documents a reader gets, without their text; only where a system arranges
  drafts/<dataset>/<rewriter>-<name>.jsonl      what language models wrote for the queries; named under `rewritten`
  latency.parquet       every lap and the stages within it, in ns; only where something was timed
  runs/<dataset>/<system>.trec.gz, qrels/<dataset>.trec.gz     named under `files` in run.json
  spans.parquet, passages.parquet, passages/<dataset>/<system>.trec.gz     only where passages are measured: gold spans,
                        where passages lie in their documents, and the runs of passages
  manifest.json         checksums of all these files
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from harness.errors import MissingLibrary, Place, UserError, relative
from harness.results.tables import RunSource, ask, read_table

if TYPE_CHECKING:
    import pandas as pd
from harness.results.layout import (
    CONTEXTS,
    CONTEXTS_SCHEMA,
    FORMAT,
    LATENCY,
    LATENCY_SCHEMA,
    MEASUREMENTS,
    PASSAGES,
    PASSAGES_SCHEMA,
    PER_QUERY,
    PER_QUERY_SCHEMA,
    RUN,
    SPANS,
    SPANS_SCHEMA,
    TAGS,
    TAGS_SCHEMA,
)
from harness.results.measurement import Measurement

NUMBERS = {"value": "DOUBLE", "n": "BIGINT", "low": "DOUBLE", "high": "DOUBLE"}
"""Columns of `measurements` that are no text, as SQL calls their types."""


@dataclass(frozen=True, eq=False)
class Results:
    """One result folder, read."""

    folder: Path
    run: Mapping[str, Any]
    """run.json. Read optional parts with `part`."""
    measurements: tuple[Measurement, ...]

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a result folder, or that of a run.json. Raises UserError where it is damaged, foreign or too new."""
        path = Path(path)
        folder = path.parent if path.name == RUN else path
        return cls(folder, read_facts(folder), tuple(_read_measurements(folder / MEASUREMENTS)))

    @property
    def id(self) -> str:
        """The name of the run."""
        return str(self.run.get("run", self.folder.name))

    @property
    def suite(self) -> str:
        """The name of the suite."""
        return str(self.part("suite").get("name", self.folder.parent.name))

    def part(self, name: str) -> Mapping[str, Any]:
        """Return an object of run.json, empty where there is none."""
        found = self.run.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def measures(self) -> list[str]:
        """The measures, the headline first."""
        return [str(name) for name in self.run.get("measures") or ()]

    @cached_property
    def datasets(self) -> list[str]:
        """The data sets, in the order of the suite, those that only a measurement names last."""
        return _order(self.part("datasets"), (row.dataset for row in self.measurements))

    @cached_property
    def systems(self) -> list[str]:
        """The systems, in the order of the suite, those that only a measurement names last."""
        return _order(self.part("systems"), (row.system for row in self.measurements))

    @cached_property
    def _whole(self) -> dict[tuple[str, str, str], Measurement]:
        return {(row.dataset, row.system, row.quantity): row for row in self.measurements if row.stage is None}

    def measurement(self, dataset: str, system: str, quantity: str) -> Measurement | None:
        """Return the row of a quantity of a whole system, a failed one too; None where there is none."""
        return self._whole.get((dataset, system, quantity))

    def value(self, dataset: str, system: str, quantity: str) -> float | None:
        """Return the number of a quantity of a whole system; None where there is none or it failed."""
        row = self.measurement(dataset, system, quantity)
        return row.value if row else None

    @cached_property
    def _per_query(self) -> pa.Table:
        return read_table(self.folder / PER_QUERY, PER_QUERY_SCHEMA)

    def per_query(self) -> pa.Table:
        """Return all values a query (PER_QUERY_SCHEMA), no rows where none were kept."""
        return self._per_query

    def tags(self) -> pa.Table:
        """Return the tags of the queries (TAGS_SCHEMA), no rows where there are none."""
        return read_table(self.folder / TAGS, TAGS_SCHEMA)

    def contexts(self) -> pa.Table:
        """Return what a reader gets of each query (CONTEXTS_SCHEMA), no rows where no system arranges."""
        return read_table(self.folder / CONTEXTS, CONTEXTS_SCHEMA)

    @cached_property
    def _spans(self) -> pa.Table:
        return read_table(self.folder / SPANS, SPANS_SCHEMA)

    def spans(self) -> pa.Table:
        """Return the gold spans (SPANS_SCHEMA), no rows where nothing was measured by them."""
        return self._spans

    @cached_property
    def _passages(self) -> pa.Table:
        return read_table(self.folder / PASSAGES, PASSAGES_SCHEMA)

    def passages(self) -> pa.Table:
        """Return where passages lie (PASSAGES_SCHEMA): those found, and those that a gold span touches."""
        return self._passages

    def latency(self) -> pa.Table:
        """Return every lap (LATENCY_SCHEMA), no rows where nothing was timed."""
        return read_table(self.folder / LATENCY, LATENCY_SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """Return the measurements as a data frame, one row a number; MissingLibrary where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise MissingLibrary("pandas", "pandas", "a data frame") from None
        names = [field.name for field in fields(Measurement)]
        frame = pandas.DataFrame([asdict(row) for row in self.measurements], columns=names)
        return frame.astype({"value": "float64", "n": "Int64", "low": "float64", "high": "float64"})

    def query(self, sql: str) -> pa.Table:
        """Ask DuckDB about this run; see `query`."""
        return query([self], sql)


def query(runs: Results | Path | str | Iterable[Results | Path | str], sql: str) -> pa.Table:
    """Ask DuckDB about any number of runs, in their files, and return the answer as an Arrow table.

    A run is a Results, its folder, or a folder in which runs lie (`results`, `results/quickstart`). The tables are
    `runs`, `measurements`, `per_query`, `tags`, `contexts`, `latency` and whatever other Parquet file a run has; each
    has the column `run`. Raises UserError where there is no run, and for what DuckDB cannot answer.
    """
    given = [runs] if isinstance(runs, Results | Path | str) else list(runs)
    loaded = [found for one in given for found in _runs_at(one)]
    if not loaded:
        raise UserError("the query names no run: give at least one result folder")
    columns = {field.name: NUMBERS.get(field.name, "VARCHAR") for field in fields(Measurement)}
    tables = {
        "per_query": PER_QUERY_SCHEMA,
        "tags": TAGS_SCHEMA,
        "contexts": CONTEXTS_SCHEMA,
        "latency": LATENCY_SCHEMA,
    }
    return ask(list(dict.fromkeys(loaded)), columns, tables, sql)


def _runs_at(one: Results | Path | str) -> list[RunSource]:
    """Return the run that is meant, or those that lie in the folder, at most two levels below."""
    if isinstance(one, Results):
        return [RunSource(one.id, one.folder.resolve())]
    path = Path(one)
    folder = path.parent if path.name == RUN else path
    below = [] if (folder / RUN).is_file() else sorted({*folder.glob(f"*/{RUN}"), *folder.glob(f"*/*/{RUN}")})
    folders = [file.parent for file in below if not file.parent.name.startswith(".")] or [folder]
    return [RunSource(str(read_facts(found).get("run", found.name)), found.resolve()) for found in folders]


def _order(first: Iterable[str], others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *others]))


def read_facts(folder: Path) -> dict[str, Any]:
    """Read run.json. Raises UserError where there is none, and where it is damaged, foreign or too new."""
    file = folder / RUN
    if not file.is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{RUN}")) if folder.is_dir() else []
        near = f"; it holds the runs {', '.join(inside)}: name one of them" if inside else ""
        raise UserError(f"{relative(folder)} is no result folder: it has no {RUN}{near}")
    try:
        said = json.loads(file.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"damaged: {error.msg}", Place(relative(file), error.lineno, error.colno)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"damaged: not UTF-8 at byte {error.start}", Place(relative(file))) from None
    number = said.get("format") if isinstance(said, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UserError("not a result of this harness: it has no 'format' number", Place(relative(file)))
    if number > FORMAT:
        message = f"written in format {number} by a newer harness; this one reads up to {FORMAT}: update it"
        raise UserError(message, Place(relative(file)))
    return dict(said)


def _read_measurements(file: Path) -> Iterator[Measurement]:
    if not file.is_file():
        raise UserError(f"the result folder has no {MEASUREMENTS}", Place(relative(file)))
    known = {field.name for field in fields(Measurement)}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            yield Measurement(**{key: value for key, value in said.items() if key in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"damaged: {error}", Place(relative(file), number)) from None
