"""Result files: written once under a temporary name, read back with every damage named by file and line.

results/<suite>/<run>/
  run.json              what was run: suite, machine, libraries, data sets, models, systems, checks
  measurements.jsonl    one flat row a number
  per_query.parquet     dataset, system, query_id, quantity, value
  tags.parquet          dataset, query_id, tag; only where queries bear tags
  contexts.parquet      which parts of which documents a reader gets, without their text; only where a system arranges
  latency.parquet       every lap and the stages within it, in ns; only where something was timed
  runs/<dataset>/<system>.trec.gz, qrels/<dataset>.trec.gz     named under `files` in run.json
  manifest.json         checksums of all these files
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pyarrow as pa

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.errors import MissingLibrary, Place, UserError, relative
from harness.manifest import MANIFEST, write_manifest
from harness.tables import Source, ask, read_table
from harness.trec import Ids, lines_checksum, safe_names, write_qrels, write_run

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Raise it when a reader of the old format would misread the new one, and keep a reader of the old one."""
RUN, MEASUREMENTS, PER_QUERY, TAGS = "run.json", "measurements.jsonl", "per_query.parquet", "tags.parquet"
CONTEXTS = "contexts.parquet"
LATENCY = "latency.parquet"
PER_QUERY_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in ("dataset", "system", "query_id", "quantity")] + [("value", pa.float64())]
)
TAGS_SCHEMA = pa.schema([(name, pa.large_string()) for name in ("dataset", "query_id", "tag")])
CONTEXTS_SCHEMA = pa.schema(
    [
        *((name, pa.large_string()) for name in ("dataset", "system", "query_id")),
        ("position", pa.int32()),
        ("doc_id", pa.large_string()),
        *((name, pa.int64()) for name in ("start", "end")),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("tokens", pa.int32()),
    ]
)
"""`position` is the place of a text among those that a reader gets, from 1; it is the characters [start, end) of its
document; `rank` and `score` are those that it had in the run."""
LATENCY_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in ("dataset", "system", "arm", "mode", "query_id")]
    + [("query_chars", pa.int32()), ("block", pa.int32()), ("order", pa.int32()), ("stage", pa.large_string())]
    + [("ns", pa.int64()), ("load", pa.float32()), ("steal", pa.float32())]
    + [("throttled", pa.int32()), ("switches", pa.int32())]
)
"""One row a lap (`stage` null), and one a stage within it. `arm` is "again" for the twin of the reference. What the
machine did is that of the block, `switches` those of the lap; null where the system does not tell."""
NUMBERS = {"value": "DOUBLE", "n": "BIGINT", "low": "DOUBLE", "high": "DOUBLE"}
"""Columns of `measurements` that are no text, as SQL calls their types."""


@dataclass(frozen=True)
class Measurement:
    """One number about a system on a data set; `stage` is None where it is about the whole system.

    A failure has the status "failed", a reason, and no value. Raises ValueError for a number that is not finite, for a
    failure with a number or without a reason, and for any other row without a number.
    """

    dataset: str
    system: str
    stage: str | None
    quantity: str
    value: float | None
    unit: str = ""
    n: int | None = None
    low: float | None = None
    high: float | None = None
    status: str = "ok"
    reason: str | None = None
    fingerprint: str | None = None
    machine: str | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(name, str) for name in (self.dataset, self.system, self.quantity)):
            raise ValueError("data set, system and quantity are texts")
        if self.status not in ("ok", "failed"):
            raise ValueError(f"a status is 'ok' or 'failed', found {self.status!r}")
        if self.failed and (self.value is not None or not self.reason):
            raise ValueError("a failure has a reason and no value")
        if not self.failed and self.value is None:
            raise ValueError("a row without a value must say that it failed, and why")
        if any(number is not None and not math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise ValueError("a number is not finite")

    @property
    def failed(self) -> bool:
        """Whether it stands for a failure."""
        return self.status == "failed"


class RunFile(NamedTuple):
    """What a system found on a data set; the ids are those of all queries and of the whole corpus, in their order."""

    dataset: str
    system: str
    query_ids: Ids
    doc_ids: Ids
    run: Run


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


def _runs_at(one: Results | Path | str) -> list[Source]:
    """Return the run that is meant, or those that lie in the folder, at most two levels below."""
    if isinstance(one, Results):
        return [Source(one.id, one.folder.resolve())]
    path = Path(one)
    folder = path.parent if path.name == RUN else path
    below = [] if (folder / RUN).is_file() else sorted({*folder.glob(f"*/{RUN}"), *folder.glob(f"*/*/{RUN}")})
    folders = [file.parent for file in below if not file.parent.name.startswith(".")] or [folder]
    return [Source(str(read_facts(found).get("run", found.name)), found.resolve()) for found in folders]


def write_results(
    folder: Path,
    facts: Mapping[str, Any],
    measurements: Iterable[Measurement],
    per_query: pa.Table | None = None,
    tags: pa.Table | None = None,
    runs: Iterable[RunFile] = (),
    qrels: Mapping[str, Qrels] | None = None,
    contexts: pa.Table | None = None,
    latency: pa.Table | None = None,
) -> Path:
    """Write a result folder whole and return it; `facts` become run.json, with `format` and `files` added.

    It is written beside its place under a temporary name and renamed at the end. Raises UserError where it is there
    already: a result is never edited, a better one is added.
    """
    if folder.exists():
        raise UserError(f"{relative(folder)} is there already; a result is written once and never edited")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    draft.mkdir()
    try:
        tables = {PER_QUERY: per_query, TAGS: tags, CONTEXTS: contexts, LATENCY: latency}
        _write_all(draft, facts, measurements, tables, list(runs), qrels or {})
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder


def _write_all(
    folder: Path,
    facts: Mapping[str, Any],
    measurements: Iterable[Measurement],
    tables: Mapping[str, pa.Table | None],
    runs: list[RunFile],
    qrels: Mapping[str, Qrels],
) -> None:
    import pyarrow.parquet as pq

    lines = [json.dumps(asdict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in measurements]
    (folder / MEASUREMENTS).write_text("".join(lines), "utf-8")
    schemas = (PER_QUERY_SCHEMA, TAGS_SCHEMA, CONTEXTS_SCHEMA, LATENCY_SCHEMA)
    for (name, table), schema in zip(tables.items(), schemas, strict=True):
        if table is not None:
            pq.write_table(table.select(schema.names).cast(schema), folder / name, compression="zstd")
    said = {"format": FORMAT, **facts, "files": _write_trec(folder, runs, qrels), "manifest": MANIFEST}
    (folder / RUN).write_text(json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    write_manifest(folder)


def _write_trec(folder: Path, runs: list[RunFile], qrels: Mapping[str, Qrels]) -> dict[str, Any]:
    """Write the TREC files and say where each one lies (a name may be no name for a file), and what its lines are."""
    datasets = safe_names([*qrels, *(run.dataset for run in runs)])
    systems = safe_names(run.system for run in runs)
    files: dict[str, Any] = {"qrels": {}, "runs": {}}
    for dataset, known in qrels.items():
        files["qrels"][dataset] = place = f"qrels/{datasets[dataset]}.trec.gz"
        (folder / "qrels").mkdir(exist_ok=True)
        write_qrels(folder / place, known)
    for dataset, system, query_ids, doc_ids, run in runs:
        place = f"runs/{datasets[dataset]}/{systems[system]}.trec.gz"
        files["runs"].setdefault(dataset, {})[system] = place
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        write_run(folder / place, run, query_ids, doc_ids, systems[system])
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.trec.gz"))
    return files | {"sha256": {place: lines_checksum(folder / place) for place in written}}


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
