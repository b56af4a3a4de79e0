"""Documents and queries: ids and texts in one Arrow table, ordered by id, memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.base import Rows, joined
from harness.errors import DataError, RepeatedId

SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])
BATCH = 65_536


class Texts(Rows):
    """Texts with ids, one row each, in strictly ascending order of id (bytes of UTF-8).

    The order is part of the contract: the row number then breaks ties exactly as the id would, so that no stage needs
    the ids, and the order in which a collection lists its documents cannot reach a result.
    """

    file = "texts.arrow"

    def __init__(self, table: pa.Table, rows: range | None = None) -> None:
        self.table = table
        self.rows = range(table.num_rows) if rows is None else rows

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Build from (id, text) pairs in any order.

        Raises DataError for an empty id and for a text that is None or not Unicode, RepeatedId for a repeated id.
        """
        table = pa.Table.from_batches(_batches(pairs), schema=SCHEMA).combine_chunks()
        order = pc.sort_indices(table["id"])
        parts = [table.take(order.slice(start, BATCH)) for start in range(0, len(order), BATCH)]
        table = pa.concat_tables(parts) if parts else table
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
        found: list[str] = self.table["id"].to_pylist()
        return found

    @property
    def texts(self) -> list[str]:
        """The texts, as the stages see them."""
        found: list[str] = self.table["text"].to_pylist()
        return found

    def find(self, ids: pa.ChunkedArray | Sequence[str]) -> pa.Array:
        """Return the row of each id as int32, null where it is not here."""
        wanted = ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([pa.array(ids, pa.large_string())])
        return pc.index_in(wanted, value_set=self.table["id"].combine_chunks()).combine_chunks()

    def checksum(self) -> str:
        """Return the SHA-256 of all ids and texts: the same for the same content, whatever its source or its order."""
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
        """Return a slice of the rows; nothing is copied."""
        rows = self.rows[part]
        return type(self)(self.table.slice(rows.start - self.rows.start, len(rows)), rows)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put consecutive slices together."""
        return cls(pa.concat_tables([part.table for part in parts]), joined(parts))

    def save(self, folder: Path) -> None:
        """Write one Arrow file."""
        with pa.ipc.new_file(folder / self.file, SCHEMA) as writer:
            writer.write_table(self.table, max_chunksize=BATCH)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the Arrow file into memory."""
        return cls(pa.ipc.open_file(pa.memory_map(str(folder / cls.file))).read_all())


def _batches(pairs: Iterable[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
    """Turn pairs to Arrow as they come, so that a large collection never stands in memory as Python objects."""
    pairs = iter(pairs)
    while batch := list(islice(pairs, BATCH)):
        try:
            columns = [pa.array(column, pa.large_string()) for column in zip(*batch, strict=True)]
        except UnicodeEncodeError as error:
            raise DataError(f"half a character, which is not Unicode text: {error}") from None
        yield pa.record_batch(columns, schema=SCHEMA)


class Corpus(Texts):
    """The documents that are searched."""


class Queries(Texts):
    """The questions that are asked."""
