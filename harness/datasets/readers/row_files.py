"""Files of rows with named columns (JSON lines, CSV, TSV and Parquet), read row by row with the line of each row."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from harness.datasets.readers.entries import json_objects
from harness.datasets.readers.folders import File, lines, raw_lines
from harness.errors import nearest

BATCH = 4096
"""The number of rows of Parquet that are read at a time."""
LONGEST = 2**31 - 1
"""The maximum number of characters of a value in CSV; the default of the csv module is 131,072."""


class Row(NamedTuple):
    """The values of the requested columns, in that order, and the line on which the row begins."""

    values: tuple[Any, ...]
    line: int


class Dialect(NamedTuple):
    """How CSV and TSV separate their columns; None for the default of the format."""

    delimiter: str | None = None
    quotes: bool | None = None


class RowFile(ABC):
    """A file of rows. Damaged content raises DataError with file and line."""

    lenient = False
    """Whether a row may lack a column."""
    head: int | None = 1
    """The line with the names of the columns; None for a format without one."""

    def __init__(self, file: File, dialect: Dialect) -> None:
        self.file, self.dialect = file, dialect

    @abstractmethod
    def columns(self) -> list[str]:
        """Return the names of the columns."""

    def has(self, name: str) -> bool:
        """Return whether any row has that column."""
        return name in self.columns()

    @abstractmethod
    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Yield the values of some columns, row by row; None for an optional column that a row lacks."""


class Jsonl(RowFile):
    """JSON lines, one object each; the columns are the fields of the first. A row may lack optional ones."""

    lenient = True

    def columns(self) -> list[str]:
        """Return the fields of the first object; DataError if there is none."""
        for _, row in json_objects(self.file, "an object"):
            return list(row)
        raise self.file.refuse("there are no JSON objects")

    def has(self, name: str) -> bool:
        """Return whether any object has that field, reading up to the first that does."""
        return any(name in row for _, row in json_objects(self.file, "an object"))

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Yield the values of some fields."""
        for line, row in json_objects(self.file, "an object"):
            for name in names:
                if name not in row and name not in optional:
                    raise self.file.refuse(f"the field {name!r} is missing; {nearest(name, row)}", line)
            yield Row(tuple([row.get(name) for name in names]), line)


class Csv(RowFile):
    """Columns separated by commas, with names in the first line; quoted values may contain commas and line breaks."""

    delimiter = ","
    quotes = True

    def columns(self) -> list[str]:
        """Return the names in the first line."""
        return self._header(self._records())

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Yield the values of some columns; every row must have as many columns as the first."""
        del optional
        records = self._records()
        header = self._header(records)
        places = [header.index(name) for name in names]
        for line, record in records:
            if len(record) != len(header):
                hint = self._hint(record, header)
                raise self.file.refuse(f"expected {len(header)} columns as in line 1, found {len(record)}{hint}", line)
            yield Row(tuple([record[place] for place in places]), line)

    def _header(self, records: Iterator[tuple[int, list[str]]]) -> list[str]:
        for _, record in records:
            return [name.strip() for name in record]
        raise self.file.refuse("the file is empty; expected the names of the columns in the first line")

    @property
    def _dialect(self) -> tuple[str, bool]:
        delimiter, quotes = self.dialect
        return delimiter or self.delimiter, self.quotes if quotes is None else quotes

    def _hint(self, record: list[str], header: list[str]) -> str:
        delimiter, quotes = self._dialect
        if quotes and len(record) > len(header):
            return f"; a value that contains {delimiter!r} must be quoted"
        if not quotes and any(value.startswith('"') for value in record):
            return "; if values are quoted, add `quotes: true`"
        return ""

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the values of each row, without blank lines."""
        delimiter, quotes = self._dialect
        if not quotes:
            for line, text in lines(self.file):
                yield line, text.split(delimiter)
            return
        csv.field_size_limit(LONGEST)
        reader = csv.reader((text for _, text in raw_lines(self.file)), delimiter=delimiter, strict=True)
        line = 1
        try:
            for record in reader:
                if len(record) > 1 or (record and record[0].strip()):
                    yield line, record
                line = reader.line_num + 1
        except csv.Error as error:
            raise self.file.refuse(f"damaged row ({error}); a quote may not be closed", line) from None


class Tsv(Csv):
    """Columns separated by tabs, with their names in the first line; a quote is an ordinary character."""

    delimiter = "\t"
    quotes = False


class Parquet(RowFile):
    """A Parquet file, whose rows are numbered from 1 in place of lines."""

    head = None

    def columns(self) -> list[str]:
        """Return the columns of the schema."""
        with self._opened() as file:
            names: list[str] = file.schema_arrow.names
            return names

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Yield the values of some columns."""
        del optional
        with self._opened() as file:
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=list(dict.fromkeys(names))):
                columns = [batch.column(name).to_pylist() for name in names]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Row(values, number)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.file.member:
            raise self.file.refuse("Parquet cannot be read inside an archive; unpack it first")
        try:
            with pq.ParquetFile(self.file.path) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise self.file.refuse(f"not a readable Parquet file: {str(error).splitlines()[0]}") from None


FORMATS: dict[str, type[RowFile]] = {"jsonl": Jsonl, "csv": Csv, "tsv": Tsv, "parquet": Parquet}
EXTENSIONS = {**{name: name for name in FORMATS}, "ndjson": "jsonl"}
"""The format of each extension, without `.gz`."""
