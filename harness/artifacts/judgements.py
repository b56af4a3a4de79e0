"""The ground truth of a data set: graded judgements, reference answers, tags and gold spans."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_numpy
from harness.artifacts.base import Artifact
from harness.errors import DataError

BATCH = 65_536


class Judgement(NamedTuple):
    """One line of a qrels file."""

    query_id: str
    doc_id: str
    grade: int


class QueryReference(NamedTuple):
    """The reference answers and the tags of a query; either may be empty."""

    query_id: str
    answers: list[str]
    tags: list[str]


class Span(NamedTuple):
    """A part of a document that answers a query: the characters [start, end) of its text."""

    query_id: str
    doc_id: str
    start: int
    end: int


class Table(Artifact):
    """An artifact that is one Arrow table in one file."""

    file: str
    schema: pa.Schema

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        """Return the number of rows of the table."""
        count: int = self.table.num_rows
        return count

    def checksum(self) -> str:
        """Return the SHA-256 of the rows in their stored order."""
        digest = hashlib.sha256()
        for batch in self.table.to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                digest.update(repr(tuple(row.values())).encode())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write one Arrow file."""
        with pa.ipc.new_file(folder / self.file, self.schema) as writer:
            writer.write_table(self.table)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the Arrow file into memory."""
        return cls(pa.ipc.open_file(pa.memory_map(str(folder / cls.file))).read_all())


class Qrels(Table):
    """Graded judgements, ordered by query id, then document id; grades are int32 and may be negative."""

    file = "qrels.arrow"
    schema = pa.schema([("query_id", pa.large_string()), ("doc_id", pa.large_string()), ("grade", pa.int32())])

    @classmethod
    def of(cls, judgements: Iterable[Judgement | tuple[str, str, int]]) -> Self:
        """Build from judgements in any order; equal duplicates are merged.

        Raises DataError if a document has two different grades for the same query.
        """
        columns = list(zip(*judgements, strict=True)) or [(), (), ()]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, cls.schema, strict=True)]
        table = pa.table(arrays, schema=cls.schema)
        grouped = table.group_by(["query_id", "doc_id"]).aggregate([("grade", "min"), ("grade", "max")])
        clash = grouped.filter(pc.not_equal(grouped["grade_min"], grouped["grade_max"]))
        if clash.num_rows:
            row = clash.slice(0, 1).to_pylist()[0]
            raise DataError(
                f"qrels: query {row['query_id']!r} and document {row['doc_id']!r} are judged twice, "
                f"as {row['grade_min']} and as {row['grade_max']}"
            )
        unique = grouped.select(["query_id", "doc_id", "grade_min"]).rename_columns(cls.schema.names).cast(cls.schema)
        return cls(unique.sort_by([("query_id", "ascending"), ("doc_id", "ascending")]))

    def __iter__(self) -> Iterator[Judgement]:
        """Yield the judgements in order."""
        return (Judgement(*row.values()) for row in self.table.to_pylist())

    @property
    def query_ids(self) -> list[str]:
        """The ids of the judged queries, ascending."""
        ids: list[str] = pc.unique(self.table["query_id"]).to_pylist()
        return ids

    @property
    def grades(self) -> np.ndarray:
        """The grades, int32[judgements]."""
        return to_numpy(self.table["grade"])

    def graded(self, grades: Mapping[int, int]) -> Self:
        """Replace each grade by the one that it is mapped to. Raises DataError for a grade that is not in the map."""
        published, place = np.unique(self.grades, return_inverse=True)
        for grade in published.tolist():
            if grade not in grades:
                row = self.table.slice(int(np.argmax(self.grades == grade)), 1).to_pylist()[0]
                raise DataError(
                    f"the document {row['doc_id']!r} is judged as {grade} for the query {row['query_id']!r}, "
                    f"and `grades` maps only {', '.join(map(str, sorted(grades)))}"
                )
        read = np.array([grades[grade] for grade in published.tolist()], np.int32)[place]
        return type(self)(self.table.set_column(2, "grade", pa.array(read, pa.int32())))


class References(Table):
    """Reference answers and tags of the queries, ordered by query id."""

    file = "references.arrow"
    schema = pa.schema(
        [("query_id", pa.large_string()), ("answers", pa.list_(pa.string())), ("tags", pa.list_(pa.string()))]
    )

    @classmethod
    def of(cls, known: Iterable[QueryReference]) -> Self:
        """Build from references in any order. Raises DataError if a query appears twice."""
        rows = sorted(known)
        for before, after in pairwise(rows):
            if before.query_id == after.query_id:
                raise DataError(f"references: the query {after.query_id!r} appears more than once")
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return cls(pa.table([pa.array(c, f.type) for c, f in zip(columns, cls.schema, strict=True)], schema=cls.schema))

    def tags(self) -> dict[str, list[str]]:
        """Return the ids of the queries by tag."""
        tagged: dict[str, list[str]] = {}
        for row in self.table.to_pylist():
            for tag in row["tags"]:
                tagged.setdefault(tag, []).append(row["query_id"])
        return tagged


class Spans(Table):
    """Parts of documents that answer queries, without duplicates, ordered by query id, document id and start."""

    file = "spans.arrow"
    schema = pa.schema(
        [("query_id", pa.large_string()), ("doc_id", pa.large_string()), ("start", pa.int64()), ("end", pa.int64())]
    )

    @classmethod
    def of(cls, spans: Iterable[Span | tuple[str, str, int, int]]) -> Self:
        """Build from spans in any order; duplicates are merged. Raises DataError for an empty or negative span."""
        rows = sorted({Span(*span) for span in spans})
        for span in rows:
            if not 0 <= span.start < span.end:
                raise DataError(
                    f"spans: [{span.start}, {span.end}) of the document {span.doc_id!r} for the query "
                    f"{span.query_id!r} contains no characters"
                )
        columns = list(zip(*rows, strict=True)) or [()] * len(cls.schema)
        return cls(pa.table([pa.array(c, f.type) for c, f in zip(columns, cls.schema, strict=True)], schema=cls.schema))

    def qrels(self) -> Qrels:
        """Return judgements that give every document with a span for a query the grade 1."""
        pairs = {(row["query_id"], row["doc_id"]) for row in self.table.select(["query_id", "doc_id"]).to_pylist()}
        return Qrels.of((query, document, 1) for query, document in pairs)
