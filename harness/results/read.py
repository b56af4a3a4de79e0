"""Result folders, read: the class `Results`, and SQL over any number of them.

results/<suite>/<run>/
  run.json              what was run: suite, machine, libraries, data sets, models, systems, checks
  measurements.jsonl    one flat row per number
  per_query.parquet     dataset, system, query_id, quantity, value
  tags.parquet          dataset, query_id, tag; only if queries have tags
  contexts.parquet      which parts of which documents the reader gets, without their text; only if a system arranges
  drafts/<dataset>/<rewriter>-<name>.jsonl      what language models wrote for the queries; listed under `rewritten`
  latency.parquet       every lap and the stages within it, in ns; only if something was timed
  runs/<dataset>/<system>.trec.gz, qrels/<dataset>.trec.gz     listed under `files` in run.json
  spans.parquet, passages.parquet, passages/<dataset>/<system>.trec.gz     only if passages are measured: gold spans,
                        the positions of passages in their documents, and the runs of passages
  manifest.json         checksums of all these files
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from harness.errors import MissingLibrary, UserError
from harness.results.facts import RunFacts
from harness.results.files import read_measurements, read_run_json, read_table
from harness.results.layout import (
    CONTEXTS,
    CONTEXTS_SCHEMA,
    LATENCY,
    LATENCY_SCHEMA,
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
from harness.results.sql import RunSource, run_sql

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Results:
    """One result folder."""

    folder: Path
    run: Mapping[str, Any]
    """The whole of run.json, as it is; `facts` is the same with types."""
    measurements: tuple[Measurement, ...]

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a result folder, given by its path or that of its run.json.

        Raises UserError if a file is missing or damaged, comes from another program, or has a newer format.
        """
        path = Path(path)
        folder = path.parent if path.name == RUN else path
        results = cls(folder, read_run_json(folder), tuple(read_measurements(folder)))
        _ = results.facts  # damage is found here, not in the middle of a report
        return results

    @cached_property
    def facts(self) -> RunFacts:
        """The content of run.json. Raises UserError, with the key, for a value of the wrong kind."""
        return RunFacts.read(self.run, self.folder / RUN)

    @property
    def id(self) -> str:
        """The name of the run."""
        return self.facts.run or self.folder.name

    @property
    def suite(self) -> str:
        """The name of the suite."""
        return self.facts.suite.name or self.folder.parent.name

    def part(self, name: str) -> Mapping[str, Any]:
        """Return an object of run.json as it is; an empty one if there is none."""
        part = self.run.get(name)
        return part if isinstance(part, dict) else {}

    @property
    def measures(self) -> list[str]:
        """The measures, the headline measure first."""
        return self.facts.measures

    @cached_property
    def datasets(self) -> list[str]:
        """The data sets in the order of the suite, followed by those that only a measurement names."""
        return list(dict.fromkeys([*self.facts.datasets, *(row.dataset for row in self.measurements)]))

    @cached_property
    def systems(self) -> list[str]:
        """The systems in the order of the suite, followed by those that only a measurement names."""
        return list(dict.fromkeys([*self.facts.systems, *(row.system for row in self.measurements)]))

    @cached_property
    def _whole(self) -> dict[tuple[str, str, str], Measurement]:
        return {(row.dataset, row.system, row.quantity): row for row in self.measurements if row.stage is None}

    def measurement(self, dataset: str, system: str, quantity: str) -> Measurement | None:
        """Return the row of a quantity of a whole system, which may be a failed one; None if there is no row."""
        return self._whole.get((dataset, system, quantity))

    def value(self, dataset: str, system: str, quantity: str) -> float | None:
        """Return the value of a quantity of a whole system; None if there is no row or it failed."""
        row = self.measurement(dataset, system, quantity)
        return row.value if row else None

    @cached_property
    def _per_query(self) -> pa.Table:
        return read_table(self.folder / PER_QUERY, PER_QUERY_SCHEMA)

    def per_query(self) -> pa.Table:
        """Return the value of every measure for every query (PER_QUERY_SCHEMA); no rows if none were kept."""
        return self._per_query

    def tags(self) -> pa.Table:
        """Return the tags of the queries (TAGS_SCHEMA); no rows if there are none."""
        return read_table(self.folder / TAGS, TAGS_SCHEMA)

    def contexts(self) -> pa.Table:
        """Return the texts that a reader gets for each query (CONTEXTS_SCHEMA); no rows if no system arranges."""
        return read_table(self.folder / CONTEXTS, CONTEXTS_SCHEMA)

    @cached_property
    def _spans(self) -> pa.Table:
        return read_table(self.folder / SPANS, SPANS_SCHEMA)

    def spans(self) -> pa.Table:
        """Return the gold spans (SPANS_SCHEMA); no rows if no measure uses them."""
        return self._spans

    @cached_property
    def _passages(self) -> pa.Table:
        return read_table(self.folder / PASSAGES, PASSAGES_SCHEMA)

    def passages(self) -> pa.Table:
        """Return the positions of the passages that were retrieved or overlap a gold span (PASSAGES_SCHEMA)."""
        return self._passages

    def latency(self) -> pa.Table:
        """Return every lap (LATENCY_SCHEMA); no rows if nothing was timed."""
        return read_table(self.folder / LATENCY, LATENCY_SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """Return the measurements as a data frame, one row per number. Raises MissingLibrary without pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingLibrary("pandas", "pandas", "a data frame") from None
        names = [field.name for field in fields(Measurement)]
        frame = pandas.DataFrame([asdict(row) for row in self.measurements], columns=names)
        return frame.astype({"value": "float64", "n": "Int64", "low": "float64", "high": "float64"})

    def query(self, sql: str) -> pa.Table:
        """Return the answer to an SQL query over this run; see the function `query`."""
        return query([self], sql)


def query(runs: Results | Path | str | Iterable[Results | Path | str], sql: str) -> pa.Table:
    """Return the answer of DuckDB to an SQL query over any number of runs, as an Arrow table.

    A run is a Results, its folder, or a folder that contains runs (`results`, `results/quickstart`). The tables are
    `runs`, `measurements`, `per_query`, `tags`, `contexts`, `latency` and every other Parquet file that a run has; each
    has the column `run`. Raises UserError if there is no run, and for whatever DuckDB cannot answer.
    """
    given = [runs] if isinstance(runs, Results | Path | str) else list(runs)
    sources = [source for run in given for source in _sources(run)]
    if not sources:
        raise UserError("the query names no run: give at least one result folder")
    return run_sql(list(dict.fromkeys(sources)), sql)


def _sources(run: Results | Path | str) -> list[RunSource]:
    """Return the run itself, or the runs that lie at most two levels below a folder."""
    if isinstance(run, Results):
        return [RunSource(run.id, run.folder.resolve())]
    path = Path(run)
    folder = path.parent if path.name == RUN else path
    below = [] if (folder / RUN).is_file() else sorted({*folder.glob(f"*/{RUN}"), *folder.glob(f"*/*/{RUN}")})
    folders = [file.parent for file in below if not file.parent.name.startswith(".")] or [folder]
    return [RunSource(str(read_run_json(each).get("run", each.name)), each.resolve()) for each in folders]
