"""Runs and judgements for ranx: JSON files that its `from_file` reads, and its objects from and to ours."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.artifacts.ranx import from_ranx, to_ranx
from harness.artifacts.trec import read as trec_read
from harness.exports.trec import files_of
from harness.results import Results

__all__ = ["export", "from_ranx", "to_ranx"]


def export(results: Results, out: Path) -> list[Path]:
    """Write `qrels/<dataset>.json` and `runs/<dataset>/<system>.json` and return them; ranx itself is not needed.

    A judged query for which a run has nothing stands there with no document: ranx then counts it 0, as we do, and does
    not refuse the run. DataError for a damaged file.
    """
    written = []
    judged: dict[str, dict[str, int]] = {}
    for file in files_of(results):
        source = results.folder / file.path
        if file.system is None:
            judged = {}
            for query, document, grade in trec_read.read_qrels(source):
                judged.setdefault(query, {})[document] = grade
            content: dict[str, Any] = judged
        else:
            content = {query: {} for query in judged} | _by_query(source)
        target = out / f"{file.path.removesuffix('.gz').removesuffix('.trec')}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        written.append(target)
    return written


def _by_query(path: Path) -> dict[str, dict[str, float]]:
    """Read a run as ranx holds one, best first. A score is the float32 that it was, written out as a float64."""
    run = trec_read.read_run(path)
    names = run.documents.take(run.document).to_pylist(), run.scores.astype(np.float64).tolist()
    lines = list(zip(*names, strict=True))
    parts = pairwise(run.borders.tolist())
    return {query: dict(lines[start:end]) for query, (start, end) in zip(run.queries.to_pylist(), parts, strict=True)}
