"""Export results to a format that is given by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from harness.errors import UnknownName, UserError, nearest, relative
from harness.results import Results

FORMATS = {
    "csv": "harness.exports.csv:export",
    "mteb": "harness.exports.mteb:export",
    "parquet": "harness.exports.parquet:export",
    "ranx": "harness.exports.ranx:export",
    "trec": "harness.exports.trec:export",
    "trec-gz": "harness.exports.trec:export_gz",
}
"""The function that writes each format, by the name of the format."""
Export = Callable[[Results, Path], list[Path]]


def export_to(name: str, results: Results, out: Path) -> list[Path]:
    """Write results to the folder `out` in the format `name`, and return the files.

    Raises UnknownName for an unknown format, and UserError for a folder that cannot be written or is part of a result.
    """
    if name not in FORMATS:
        raise UnknownName(f"unknown format {name!r}; {nearest(name, FORMATS)}")
    if out.resolve().is_relative_to(results.folder.resolve()):
        raise UserError(f"{relative(out)} is inside the result folder, which is never edited: name another folder")
    module, function = FORMATS[name].split(":")
    export: Export = getattr(import_module(module), function)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return export(results, out)
    except OSError as error:
        raise UserError(f"{relative(out)} cannot be written: {error.strerror or error}") from None
