"""Write a result folder: completely or not at all, and never over an existing one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
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
    """The run of a system on a data set; the ids are those of all queries and of the whole corpus, in their order."""

    dataset: str
    system: str
    query_ids: Ids
    doc_ids: Ids
    run: Run


class PassageFiles(NamedTuple):
    """The evidence for measures of passages: runs of passages, the positions of these passages, and the gold spans."""

    runs: list[RunFile]
    passages: pa.Table
    spans: pa.Table


def write_results(
    folder: Path,
    facts: Mapping[str, Any],
    measurements: Iterable[Measurement],
    per_query: pa.Table | None = None,
    tags: pa.Table | None = None,
    runs: Iterable[RunFile] = (),
    qrels: Mapping[str, Qrels] | None = None,
    behind: PassageFiles | None = None,
    contexts: pa.Table | None = None,
    drafts: Mapping[str, Drafts] | None = None,
    latency: pa.Table | None = None,
) -> Path:
    """Write a result folder and return it; `facts` become run.json, with `format`, `files` and `manifest` added.

    `drafts` are given by the path of their file in the folder. The folder is written under a temporary name and renamed
    at the end. Raises UserError if it already exists: a result is never edited, a better one is added.
    """
    if folder.exists():
        raise UserError(f"{relative(folder)} already exists; a result is written once and never edited")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    temporary.mkdir()
    try:
        for path, draft in (drafts or {}).items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            draft.write(temporary / path)
        tables = {PER_QUERY: per_query, TAGS: tags, CONTEXTS: contexts, LATENCY: latency}
        if behind is not None:
            tables |= {SPANS: behind.spans, PASSAGES: behind.passages}
        files = _write_trec(temporary, list(runs), qrels or {}, behind.runs if behind else [])
        _write_all(temporary, {**facts, "files": files}, measurements, tables)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def _write_all(
    folder: Path,
    facts: Mapping[str, Any],
    measurements: Iterable[Measurement],
    tables: Mapping[str, pa.Table | None],
) -> None:
    import pyarrow.parquet as pq

    lines = [json.dumps(asdict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in measurements]
    (folder / MEASUREMENTS).write_text("".join(lines), "utf-8")
    for name, table in tables.items():
        if table is not None:
            schema = SCHEMAS[name]
            pq.write_table(table.select(schema.names).cast(schema), folder / name, compression="zstd")
    document = {"format": FORMAT, **facts, "manifest": MANIFEST}
    (folder / RUN).write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    write_manifest(folder)


def _write_trec(
    folder: Path, runs: list[RunFile], qrels: Mapping[str, Qrels], passages: list[RunFile]
) -> dict[str, Any]:
    """Write the TREC files; return their paths, which may differ from the names, and the checksums of their lines."""
    datasets = safe_names([*qrels, *(run.dataset for run in runs)])
    systems = safe_names(run.system for run in runs)
    files: dict[str, Any] = {"qrels": {}, "runs": {}}
    for dataset, judgements in qrels.items():
        files["qrels"][dataset] = path = f"qrels/{datasets[dataset]}.trec.gz"
        (folder / "qrels").mkdir(exist_ok=True)
        write_qrels(folder / path, judgements)
    for part, members in (("runs", runs), ("passages", passages)):
        for dataset, system, query_ids, doc_ids, run in members:
            path = f"{part}/{datasets[dataset]}/{systems[system]}.trec.gz"
            files.setdefault(part, {}).setdefault(dataset, {})[system] = path
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_run(folder / path, run, query_ids, doc_ids, systems[system])
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.trec.gz"))
    return files | {"sha256": {path: lines_checksum(folder / path) for path in written}}
