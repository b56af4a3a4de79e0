"""Reads TREC runs and judgements into arrays; errors name the file and the line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_arrow, to_numpy
from harness.artifacts.judgements import Qrels
from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec.columns import Block, Layout, quoted, read_blocks
from harness.errors import DataError, Place, relative

RUN = Layout("a run", ("query", "Q0", "document", "rank", "score", "tag"))
QRELS = Layout("judgements", ("query", "0", "document", "grade"))
WHOLE = r"^[+-]?[0-9]+$"
GRADES = np.iinfo(np.int32)


@dataclass
class _Columns:
    """The columns that were read so far, as one item per block: ids, the value of each line, and line numbers."""

    queries: list[pa.DictionaryArray] = field(default_factory=list)
    documents: list[pa.Array] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    lines: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block, values: np.ndarray) -> None:
        self.queries.append(pc.dictionary_encode(block.column(0)))
        self.documents.append(block.column(2))
        self.values.append(values)
        self.lines.append(block.lines)


@dataclass(frozen=True)
class _Lines:
    """All lines of a file in order; `query` and `document` are positions in the ascending `queries` and `documents`."""

    path: Path
    queries: pa.Array
    documents: pa.Array
    query: np.ndarray
    document: np.ndarray
    values: np.ndarray
    numbers: np.ndarray

    def repeats(self) -> np.ndarray:
        """Return the positions, in the order of the file, of lines whose (query, document) appeared before."""
        pairs = self.query.astype(np.int64) << 32 | self.document
        ordered = np.sort(pairs)
        if not (ordered[1:] == ordered[:-1]).any():
            return np.empty(0, dtype=np.int64)
        _, first = np.unique(pairs, return_index=True)
        return np.setdiff1d(np.arange(len(pairs)), first)

    def first(self, place: int) -> int:
        """Return the position of the first line with the same query and document."""
        return int(np.argmax((self.query == self.query[place]) & (self.document == self.document[place])))

    def refuse(self, place: int, problem: str) -> DataError:
        """Return an error about the document of a line."""
        document, query = self.documents[self.document[place]].as_py(), self.queries[self.query[place]].as_py()
        message = f"the document {quoted(document)} of the query {quoted(query)} {problem}"
        return DataError(message, Place(relative(self.path), int(self.numbers[place])))


def read_run(path: Path) -> RunLines:
    """Read lines of `query Q0 document rank score tag`, separated by any white space; the ranks are ignored.

    A score is parsed as a float64 and rounded to float32, as in trec_eval, so that both have the same ties. Raises
    DataError with file and line for a wrong number of columns, a score that is not a finite number in the range of
    float32, a document that appears twice for a query, and an empty file.
    """
    columns = _Columns()
    for block in read_blocks(path, RUN):
        columns.add(block, _scores(block))
    lines = _gather(path, columns, RUN)
    for place in lines.repeats().tolist():
        raise lines.refuse(place, f"appears again; first in line {lines.numbers[lines.first(place)]}")
    return RunLines.of(lines.queries, lines.documents, lines.query, lines.document, lines.values)


def read_qrels(path: Path) -> Qrels:
    """Read lines of `query 0 document grade`, separated by any white space; equal duplicates are merged.

    Raises DataError with file and line for a wrong number of columns, a grade that is not an integer in the range of
    int32, a document with two different grades for a query, and an empty file.
    """
    columns = _Columns()
    for block in read_blocks(path, QRELS):
        columns.add(block, _grades(block))
    lines = _gather(path, columns, QRELS)
    repeats = lines.repeats()
    for place in repeats.tolist():
        grade, first = lines.values[place], lines.first(place)
        if grade != lines.values[first]:
            raise lines.refuse(
                place, f"is judged {grade} here and {lines.values[first]} in line {lines.numbers[first]}"
            )
    kept = np.setdiff1d(np.arange(len(lines.query)), repeats)
    kept = kept[np.lexsort((lines.document[kept], lines.query[kept]))]
    ids = [lines.queries.take(to_arrow(lines.query[kept])), lines.documents.take(to_arrow(lines.document[kept]))]
    return Qrels(pa.Table.from_arrays([*ids, to_arrow(lines.values[kept])], schema=Qrels.schema))


def _scores(block: Block) -> np.ndarray:
    words = block.column(4)
    try:
        scores = to_numpy(pc.cast(words, pa.float64()))
    except pa.ArrowInvalid:
        line = _first_wrong(words, pa.float64())
        raise block.refuse(line, f"the score should be a number, found {quoted(block.word(line, 4))}") from None
    with np.errstate(over="ignore"):
        narrow: np.ndarray = scores.astype(np.float32)
    if not np.isfinite(narrow).all():
        line = int(np.argmin(np.isfinite(narrow)))
        raise block.refuse(
            line, f"the score should be finite and in the range of float32, found {quoted(block.word(line, 4))}"
        )
    return narrow


def _grades(block: Block) -> np.ndarray:
    words = block.column(3)
    if not pc.all(whole := pc.match_substring_regex(words, WHOLE)).as_py():
        line = pc.index(whole, False).as_py()
        raise block.refuse(line, f"the grade should be a whole number, found {quoted(block.word(line, 3))}")
    words = pc.utf8_ltrim(words, "+")
    try:
        return to_numpy(pc.cast(words, pa.int32()))
    except pa.ArrowInvalid:
        line = _first_wrong(words, pa.int32())
        problem = f"the grade should be between {GRADES.min} and {GRADES.max}, found {quoted(block.word(line, 3))}"
        raise block.refuse(line, problem) from None


def _first_wrong(words: pa.Array, kind: pa.DataType) -> int:
    """Find the first word that cannot be cast, by bisection."""
    start, stop = 0, len(words)
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            pc.cast(words.slice(start, middle - start), kind)
        except pa.ArrowInvalid:
            stop = middle
        else:
            start = middle
    return start


def _gather(path: Path, columns: _Columns, layout: Layout) -> _Lines:
    """Concatenate the blocks and number the ids in the order of their UTF-8 bytes."""
    if not columns.lines:
        raise DataError(f"the file contains no data; expected {' '.join(layout.columns)}", Place(relative(path)))
    queries, query = _number(pa.chunked_array(columns.queries).unify_dictionaries())
    documents, document = _number(pa.chunked_array(columns.documents).dictionary_encode())
    columns.documents.clear()
    return _Lines(
        path, queries, documents, query, document, np.concatenate(columns.values), np.concatenate(columns.lines)
    )


def _number(encoded: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct ids, ascending, and the number of the id of each line; all chunks share a dictionary."""
    ids = encoded.chunk(encoded.num_chunks - 1).dictionary
    order = pc.sort_indices(ids)
    ranks = np.empty(len(ids), dtype=np.int32)
    ranks[to_numpy(order)] = np.arange(len(ids), dtype=np.int32)
    return ids.take(order), ranks[np.concatenate([to_numpy(chunk.indices) for chunk in encoded.chunks])]
