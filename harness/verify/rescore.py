"""Read the TREC files of a result folder: restore ids, compare ranks with scores, and score the runs again."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.judgements import Qrels
from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec import read as trec_read
from harness.artifacts.trec.columns import read_blocks
from harness.errors import DataError, Place, relative
from harness.measures.evaluate import evaluate, evaluate_spans
from harness.measures.scoring.counts import count_run
from harness.measures.scoring.names import Measure
from harness.measures.scoring.ranked import rank_judged
from harness.results.manifest import DAMAGED
from harness.verify.passages import PassageEvidence

QUOTED = re.compile("(?:%[0-9A-F]{2})+")
Renaming = Callable[[pa.Array], pa.Array]
"""A function from the ids of a file to those of the data set."""


class Rescored(NamedTuple):
    """The scores of a run."""

    values: dict[str, dict[str, float]]
    """The values by measure and judged query."""
    failed: dict[str, str]
    """The reason why a measure could not be computed, by measure."""
    counts: dict[str, float]
    """The counts by quantity. A file cannot tell a missing query from one that retrieved nothing: both are counted as
    `empty_queries`."""


def as_written(ids: pa.Array) -> pa.Array:
    """Return ids as they are in the file."""
    return ids


def with_spaces(ids: pa.Array) -> pa.Array:
    """Restore the white space that the writer replaced by %20 and the like to make an id one word.

    >>> with_spaces(pa.array(["a%20b", "50%25", "c"], pa.large_string())).to_pylist()
    ['a b', '50%25', 'c']
    """
    if not pc.any(pc.match_substring(ids, "%")).as_py():
        return ids
    return pa.array([QUOTED.sub(_space, key) for key in ids.to_pylist()], pa.large_string())


def _space(match: re.Match[str]) -> str:
    text = unquote(match[0])
    return text if text.isspace() else match[0]


def read_qrels(path: Path, renamed: Renaming) -> Qrels:
    """Read judgements. Raises DataError, with the line, if the file is damaged."""
    table = trec_read.read_qrels(path).table
    columns = [renamed(table[name].combine_chunks()) for name in ("query_id", "doc_id")]
    renewed = pa.table([*columns, table["grade"]], schema=Qrels.schema)
    return Qrels(renewed.sort_by([("query_id", "ascending"), ("doc_id", "ascending")]))


def read_run(path: Path, renamed: Renaming) -> RunLines:
    """Read a run. Raises DataError, with the line, if the file is damaged or a rank contradicts the scores."""
    if _is_empty(path):
        no_ids, no_rows = pa.array([], pa.large_string()), np.empty(0, np.int32)
        return RunLines(no_ids, no_ids, no_rows, no_rows, no_rows.astype(np.float32))
    lines = trec_read.read_run(path)
    queries, query = _renumbered(renamed(lines.queries), lines.query)
    documents, document = _renumbered(renamed(lines.documents), lines.document)
    run = RunLines.of(queries, documents, query, document, lines.scores)
    _check_ranks(path, run, renamed)
    return run


def rescore(run: RunLines, qrels: Qrels, measures: Sequence[Measure]) -> Rescored:
    """Score a stored run by the given measures of documents, and count queries, ties and unjudged documents."""
    lists, known = rank_judged(run, qrels)
    values, failed = _tried(measures, qrels.query_ids, lambda measure: evaluate([measure], lists, known))
    counts = {name: value for name, value, _ in count_run(measures, lists, known).quantities()}
    del counts["missing_queries"]
    return Rescored(values, failed, counts)


def rescore_passages(evidence: PassageEvidence, measures: Sequence[Measure]) -> Rescored:
    """Score a stored run of passages, or of whole documents, by the stored gold spans."""
    values, failed = _tried(
        measures, evidence.query_ids, lambda measure: evaluate_spans([measure], evidence.lists, evidence.gold)
    )
    return Rescored(values, failed, {})


def _tried(
    measures: Sequence[Measure], query_ids: list[str], calculate: Callable[[Measure], dict[str, np.ndarray]]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return the values by measure and query, and the error of each measure that failed."""
    values: dict[str, dict[str, float]] = {}
    failed: dict[str, str] = {}
    for measure in measures:
        try:
            for name, column in calculate(measure).items():
                values[name] = dict(zip(query_ids, column.tolist(), strict=True))
        except Exception as error:  # a library behind a measure may raise anything
            failed[str(measure)] = f"{type(error).__name__}: {error}"
    return values, failed


def _is_empty(path: Path) -> bool:
    """Return whether a file has no lines, because the system retrieved nothing at all."""
    try:
        with gzip.open(path) as file:
            return not file.read(1)
    except DAMAGED:
        return False


def _renumbered(ids: pa.Array, codes: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Return renamed ids in ascending order, and the codes that refer to them, adapted."""
    order = pc.sort_indices(ids)
    ranks = np.empty(len(ids), np.int32)
    ranks[order.to_numpy()] = np.arange(len(ids), dtype=np.int32)
    return ids.take(order), ranks[codes]


def _check_ranks(path: Path, run: RunLines, renamed: Renaming) -> None:
    """Raise DataError if a rank contradicts the canonical order: score, then document id, both descending."""
    keys = run.query.astype(np.int64) << 32 | run.document
    places = np.arange(len(run)) - run.borders[run.query] + 1
    order = np.argsort(keys)
    for block in read_blocks(path, trec_read.RUN):
        columns = ((block.column(0), run.queries), (block.column(2), run.documents))
        query, document = (pc.index_in(renamed(ids), value_set=known).to_numpy() for ids, known in columns)
        expected = places[order[np.searchsorted(keys[order], query.astype(np.int64) << 32 | document)]]
        wrong = np.flatnonzero(pc.not_equal(block.column(3), pc.cast(pa.array(expected), pa.large_string())))
        if len(wrong):
            line = int(wrong[0])
            message = f"the rank is {block.word(line, 3)}, but by score and then document id it is {expected[line]}"
            raise DataError(message, Place(relative(path), int(block.lines[line])))
