"""Runs and judgements as the JSON files that ranx reads with `from_file`."""

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
    """Write `qrels/<dataset>.json` and `runs/<dataset>/<system>.json` to `out` and return them, without using ranx.

    A judged query that a run does not contain is written without documents: ranx then scores it 0, as we do, and does
    not refuse the run. Raises DataError for a damaged file.
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
    """Return a run by query and document, best first; each float32 score is written exactly, as a float64."""
    run = trec_read.read_run(path)
    documents, scores = run.documents.take(run.document).to_pylist(), run.scores.astype(np.float64).tolist()
    lines = list(zip(documents, scores, strict=True))
    ranges = pairwise(run.borders.tolist())
    return {query: dict(lines[start:end]) for query, (start, end) in zip(run.queries.to_pylist(), ranges, strict=True)}
