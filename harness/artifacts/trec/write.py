"""Writes runs and judgements as gzipped TREC files, which other evaluation tools can read."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run

Ids: TypeAlias = "pa.ChunkedArray | pa.Array | Sequence[str]"

SPACE = r"[\s\x0b\x1c-\x1f\x85\p{Z}]"
"""Everything that some reader takes for white space, as an RE2 pattern; the same characters as Python's \\s."""
LEVEL = 1
"""The level of gzip: files are a third larger than at the best level, and are written many times faster."""


def write_run(path: Path, run: Run, query_ids: Ids, doc_ids: Ids, tag: str) -> None:
    """Write lines of `qid Q0 docid rank score tag`, ranks from 1, best first.

    `query_ids` and `doc_ids` are those of the whole data set, in its order. A score is written as the shortest decimal
    that reads back as the same float32, so the lines keep their order when they are sorted by score and document id,
    both descending. A space within an id is written as %20.
    """
    row, place = np.nonzero(run.documents != NONE)
    queries = _words(_array(query_ids).take(pa.array(run.rows, pa.int64())))
    ranks = pa.array([str(rank + 1) for rank in range(run.documents.shape[1])], pa.large_string())
    columns = (
        queries.take(pa.array(row)),
        pa.scalar("Q0", pa.large_string()),
        _words(_array(doc_ids).take(pa.array(run.documents[row, place]))),
        ranks.take(pa.array(place)),
        pc.cast(pa.array(run.scores[row, place].astype(np.float32)), pa.large_string()),
        pa.scalar(f"{tag}\n", pa.large_string()),
    )
    _write(path, columns)


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write lines of `qid 0 docid grade`. A space within an id is written as %20."""
    table = qrels.table
    columns = (
        _words(_array(table["query_id"])),
        pa.scalar("0", pa.large_string()),
        _words(_array(table["doc_id"])),
        pc.binary_join_element_wise(pc.cast(_array(table["grade"]), pa.large_string()), _text("\n"), _text("")),
    )
    _write(path, columns)


def lines_checksum(path: Path) -> str:
    """Return the SHA-256 of the text of a gzipped file. Raises what `gzip.open` raises for a damaged one."""
    with gzip.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _array(values: Ids) -> pa.Array:
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _words(ids: pa.Array) -> pa.Array:
    """Make each id one word. Ids with white space are rare, so only those are changed."""
    ids = ids.cast(pa.large_string())
    if not pc.any(pc.match_substring_regex(ids, SPACE)).as_py():
        return ids
    quoted = [re.sub(r"\s", lambda space: quote(space[0]), key) for key in ids.to_pylist()]
    return pa.array(quoted, pa.large_string())


def _write(path: Path, columns: Sequence[pa.Array | pa.Scalar]) -> None:
    """Join the columns to lines. The file contains no time stamp, so that equal lines give equal bytes."""
    lines = pc.binary_join_element_wise(*columns, _text(" "))
    whole = pc.binary_join(pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines), _text(""))
    path.write_bytes(gzip.compress(whole[0].as_buffer(), LEVEL, mtime=0))
