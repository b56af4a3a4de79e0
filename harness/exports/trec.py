"""Runs and judgements as standard TREC files, plain or gzipped, with a list of their data sets and systems."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import DataError, Place, relative
from harness.fingerprint import file_checksum
from harness.results import Results
from harness.results.manifest import DAMAGED


class TrecFile(NamedTuple):
    """A TREC file of a result folder; `system` is None for judgements."""

    dataset: str
    system: str | None
    path: str
    """The path in the result folder."""


def files_of(results: Results) -> Iterator[TrecFile]:
    """Yield all TREC files of a result, the judgements of a data set before its runs."""
    files = results.facts.files
    for dataset, path in files.qrels.items():
        yield TrecFile(dataset, None, path)
        for system, run in files.runs.get(dataset, {}).items():
            yield TrecFile(dataset, system, run)


def export(results: Results, out: Path) -> list[Path]:
    """Write text files for trec_eval, and `manifest.json`; return the files. Raises DataError for a damaged file."""
    return _copy(results, out, "", _unpacked)


def export_gz(results: Results, out: Path) -> list[Path]:
    """Write the gzipped files as they are, and `manifest.json`; return the files."""
    return _copy(results, out, ".gz", Path.read_bytes)


def _copy(results: Results, out: Path, suffix: str, content: Callable[[Path], bytes]) -> list[Path]:
    """Copy each file; the manifest lists its data set and system, which the name of a file may not show."""
    entries, written = [], []
    for file in files_of(results):
        target = out / (file.path.removesuffix(".gz") + suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content(results.folder / file.path))
        entries.append({**file._asdict(), "path": target.relative_to(out).as_posix(), "sha256": file_checksum(target)})
        written.append(target)
    facts = {"suite": results.suite, "run": results.id, "files": entries}
    manifest = out / "manifest.json"
    manifest.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return [*written, manifest]


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except DAMAGED as error:
        raise DataError(f"damaged: {error}", Place(relative(path))) from None
