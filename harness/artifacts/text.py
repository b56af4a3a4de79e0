"""Documents and queries: ids and texts in a memory-mapped Arrow table, ordered by id."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.base import Rows, joined
from harness.errors import DataError, RepeatedId, UserError

SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])
BATCH = 65_536
"""The most rows that are held as Python objects at a time."""
CHARACTERS = 16_777_216
"""The most characters that are held as Python objects at a time, not counting the last text."""


class Texts(Rows):
    """Texts with ids, one row each, in strictly ascending order of id (bytes of UTF-8).

    The order is part of the contract: the row number breaks ties exactly as the id would, so stages do not need the
    ids, and the order in which a collection lists its documents cannot change a result.
    """

    file = "texts.arrow"
    schema: ClassVar[pa.Schema] = SCHEMA

    def __init__(self, table: pa.Table, rows: range | None = None) -> None:
        self.table = table
        self.rows = range(table.num_rows) if rows is None else rows

    @classmethod
    def of(cls, pairs: Iterable[tuple[Any, ...]]) -> Self:
        """Build from (id, text) pairs in any order; more than one batch is kept in a memory-mapped temporary file.

        A subclass with more columns takes longer tuples, in the order of its `schema`. Raises DataError for an empty id
        and for a text that is None or not Unicode, RepeatedId for an id that appears more than once.
        """
        table = _kept(_batches(pairs, cls.schema), cls.schema)
        order = pc.sort_indices(table["id"])
        if (order.to_numpy() != np.arange(len(order))).any():
            size = max(1, min(BATCH, len(order) * CHARACTERS // max(table.nbytes, 1)))
            parts = (table.take(order.slice(start, size)) for start in range(0, len(order), size))
            table = _kept((part.combine_chunks().to_batches()[0] for part in parts), cls.schema)
        cls._check(table)
        return cls(table)

    @classmethod
    def _check(cls, table: pa.Table) -> None:
        if not table.num_rows:
            return
        ids = table["id"]
        if not ids[0].as_py() or ids.null_count:
            raise DataError(f"{cls.__name__.lower()}: an id is empty")
        if table["text"].null_count:
            raise DataError(f"{cls.__name__.lower()}: a text is missing")
        same = pc.equal(ids[1:], ids[:-1])
        if pc.any(same).as_py():
            key = ids[pc.index(same, True).as_py()].as_py()
            raise RepeatedId(cls.__name__.lower(), key)

    @property
    def ids(self) -> list[str]:
        """The ids, ascending."""
        ids: list[str] = self.table["id"].to_pylist()
        return ids

    @property
    def texts(self) -> list[str]:
        """The texts, as stages see them."""
        texts: list[str] = self.table["text"].to_pylist()
        return texts

    def find(self, ids: pa.ChunkedArray | Sequence[str]) -> pa.Array:
        """Return the row of each id as int32, null for an unknown id."""
        chunks = ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([pa.array(ids, pa.large_string())])
        return pc.index_in(chunks, value_set=self.table["id"].combine_chunks()).combine_chunks()

    def checksum(self) -> str:
        """Return the SHA-256 of all ids and texts; equal content has equal checksums, whatever its source and order."""
        digests = []
        for name in SCHEMA.names:
            data, lengths = hashlib.sha256(), hashlib.sha256()
            for chunk in self.table[name].chunks:
                offsets = memoryview(chunk.buffers()[1]).cast("q")[chunk.offset : chunk.offset + len(chunk) + 1]
                if len(chunk):
                    data.update(memoryview(chunk.buffers()[2])[offsets[0] : offsets[-1]])
                lengths.update(pc.binary_length(chunk).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
            digests += [data.digest(), lengths.digest()]
        return hashlib.sha256(b"".join(digests)).hexdigest()

    def take(self, part: slice) -> Self:
        """Return a slice of the rows, without copying."""
        rows = self.rows[part]
        return type(self)(self.table.slice(rows.start - self.rows.start, len(rows)), rows)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate consecutive slices."""
        return cls(pa.concat_tables([part.table for part in parts]), joined(parts))

    def save(self, folder: Path) -> None:
        """Write one Arrow file."""
        with pa.ipc.new_file(folder / self.file, self.schema) as writer:
            writer.write_table(self.table, max_chunksize=BATCH)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the Arrow file into memory."""
        return cls(pa.ipc.open_file(pa.memory_map(str(folder / cls.file))).read_all())


def _batches(entries: Iterable[tuple[Any, ...]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Convert tuples to Arrow in batches, so that a large collection is never in memory as Python objects."""
    rows: list[tuple[Any, ...]] = []
    room = CHARACTERS
    for entry in entries:
        rows.append(entry)
        room -= len(entry[1] or "")
        if room < 0 or len(rows) == BATCH:
            yield _batch(rows, schema)
            rows, room = [], CHARACTERS
    if rows:
        yield _batch(rows, schema)


def _batch(entries: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(zip(*entries, strict=True), schema, strict=True)
    try:
        return pa.record_batch([pa.array(column, field.type) for column, field in columns], schema=schema)
    except UnicodeEncodeError as error:
        raise DataError(f"half a character (a lone surrogate), which is not Unicode text: {error}") from None


def _kept(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Return a table of batches: a single batch as it is, more of them through a file in the temporary folder.

    The file is already unlinked, so the system frees it when nothing maps it any more.
    """
    first = list(islice(batches, 2))
    if len(first) < 2:
        return pa.Table.from_batches(first, schema=schema)
    with tempfile.NamedTemporaryFile(suffix=".arrow", delete=False) as file:
        path = Path(file.name)
        try:
            with pa.ipc.new_file(file, schema) as writer:
                for batch in chain(first, batches):
                    writer.write_batch(batch)
            file.flush()
            return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except OSError as error:
            reason = f"texts cannot be written to {path.parent} for sorting ({error}); set TMPDIR to another folder"
            raise UserError(reason) from None
        finally:
            with suppress(PermissionError):  # Windows keeps a mapped file until the folder is cleared
                path.unlink()


class Corpus(Texts):
    """The documents that are searched."""


class Queries(Texts):
    """The queries of a data set."""
