"""Writes a result folder completely or not at all, and never over an existing one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from harness.artifacts.drafts import Drafts
from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.trec.write import Ids, lines_checksum, write_qrels, write_run
from harness.errors import UserError, relative
from harness.results.file_names import safe_names
from harness.results.layout import (
    CONTEXTS,
    FORMAT,
    LATENCY,
    MEASUREMENTS,
    PASSAGES,
    PER_QUERY,
    RUN,
    SCHEMAS,
    SPANS,
    TAGS,
)
from harness.results.manifest import MANIFEST, write_manifest
from harness.results.measurement import Measurement


class RunFile(NamedTuple):
    """The run of a system on a data set; the ids are those of all queries and of the whole corpus, in order."""

    dataset: str
    system: str
    query_ids: Ids
    doc_ids: Ids
    run: Run


class PassageFiles(NamedTuple):
    """What measures of passages were calculated from: runs of passages, their places, and the gold spans."""

    runs: list[RunFile]
    passages: pa.Table
    """PASSAGES_SCHEMA"""
    spans: pa.Table
    """SPANS_SCHEMA"""


@dataclass(frozen=True)
class Contents:
    """The contents of a result folder. A table that is None has no file."""

    facts: Mapping[str, Any]
    """The contents of run.json, except for `format`, `files` and `manifest`."""
    measurements: Sequence[Measurement] = ()
    per_query: pa.Table | None = None
    tags: pa.Table | None = None
    runs: Sequence[RunFile] = ()
    qrels: Mapping[str, Qrels] = field(default_factory=dict)
    """The judgements by data set."""
    passages: PassageFiles | None = None
    contexts: pa.Table | None = None
    drafts: Mapping[str, Drafts] = field(default_factory=dict)
    """Drafts by the path of their file, relative to the folder."""
    latency: pa.Table | None = None

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The Parquet files by name."""
        tables = {
            PER_QUERY: self.per_query,
            TAGS: self.tags,
            CONTEXTS: self.contexts,
            LATENCY: self.latency,
            SPANS: self.passages and self.passages.spans,
            PASSAGES: self.passages and self.passages.passages,
        }
        return {name: table for name, table in tables.items() if table is not None}


def write_results(folder: Path, contents: Contents) -> Path:
    """Write a result folder and return it.

    It is written next to its final place under a temporary name and then renamed. Raises UserError if the folder
    exists: results are never edited, a better one is added.
    """
    if folder.exists():
        raise UserError(f"{relative(folder)} already exists; results are written once and never edited")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    temporary.mkdir()
    try:
        _write_all(temporary, contents)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def _write_all(folder: Path, contents: Contents) -> None:
    import pyarrow.parquet as pq

    for path, drafts in contents.drafts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        drafts.write(folder / path)
    files = _write_trec(folder, contents)
    lines = [json.dumps(asdict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in contents.measurements]
    (folder / MEASUREMENTS).write_text("".join(lines), "utf-8")
    for name, table in contents.tables.items():
        schema = SCHEMAS[name]
        pq.write_table(table.select(schema.names).cast(schema), folder / name, compression="zstd")
    facts = {"format": FORMAT, **contents.facts, "files": files, "manifest": MANIFEST}
    (folder / RUN).write_text(json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    write_manifest(folder)


def _write_trec(folder: Path, contents: Contents) -> dict[str, Any]:
    """Write the TREC files; return their paths (some names cannot be file names) and the checksums of their lines."""
    passages = contents.passages.runs if contents.passages else []
    datasets = safe_names([*contents.qrels, *(run.dataset for run in contents.runs)])
    systems = safe_names(run.system for run in contents.runs)
    files: dict[str, Any] = {"qrels": {}, "runs": {}}
    for dataset, qrels in contents.qrels.items():
        files["qrels"][dataset] = path = f"qrels/{datasets[dataset]}.trec.gz"
        (folder / "qrels").mkdir(exist_ok=True)
        write_qrels(folder / path, qrels)
    for part, runs in (("runs", contents.runs), ("passages", passages)):
        for dataset, system, query_ids, doc_ids, run in runs:
            path = f"{part}/{datasets[dataset]}/{systems[system]}.trec.gz"
            files.setdefault(part, {}).setdefault(dataset, {})[system] = path
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_run(folder / path, run, query_ids, doc_ids, systems[system])
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.trec.gz"))
    return files | {"sha256": {path: lines_checksum(folder / path) for path in written}}
