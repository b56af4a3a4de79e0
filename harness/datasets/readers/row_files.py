"""Files of rows with named columns: jsonl, csv, tsv and parquet, read row by row, with the line of each row."""

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
LONGEST = 2**31 - 1
"""Characters of one value in csv; the library allows 128 kB of itself."""


class Row(NamedTuple):
    """The values of the columns that were asked for, in that order, and the line on which the row begins."""

    values: tuple[Any, ...]
    line: int


class Dialect(NamedTuple):
    """How csv and tsv part their columns; None is what is usual of the format."""

    delimiter: str | None = None
    quotes: bool | None = None


class Sheet(ABC):
    """An open file of rows. Whatever is damaged is a DataError with file and line."""

    lenient = False
    """Whether a row may lack a column."""
    head: int | None = 1
    """The line that tells the columns."""

    def __init__(self, file: File, dialect: Dialect) -> None:
        self.file, self.dialect = file, dialect

    @abstractmethod
    def columns(self) -> list[str]:
        """Name the columns."""

    def holds(self, name: str) -> bool:
        """Tell whether any row has that column."""
        return name in self.columns()

    @abstractmethod
    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Give the values of some columns, row by row; None where the row lacks one that is optional."""


class Jsonl(Sheet):
    """One JSON object a line; its columns are the fields of the first. A row may lack optional ones."""

    lenient = True

    def columns(self) -> list[str]:
        """Name the fields of the first object."""
        for _, row in json_objects(self.file, "an object"):
            return list(row)
        raise self.file.refuse("no object in the file")

    def holds(self, name: str) -> bool:
        """Tell whether any object has that field; reads as far as the first that does."""
        return any(name in row for _, row in json_objects(self.file, "an object"))

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Give the values of some fields."""
        for line, row in json_objects(self.file, "an object"):
            for name in names:
                if name not in row and name not in optional:
                    raise self.file.refuse(f"the field {name!r} is missing; {nearest(name, row)}", line)
            yield Row(tuple([row.get(name) for name in names]), line)


class Csv(Sheet):
    """Columns parted by a comma, the first line their names; a value in quotes may hold commas and line breaks."""

    delimiter = ","
    quotes = True

    def columns(self) -> list[str]:
        """Read the names in the first line."""
        return self._header(self._records())

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Give the values of some columns; every row must have as many as the first."""
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
        raise self.file.refuse("the file is empty; expected a first line with the names of the columns")

    @property
    def _parting(self) -> tuple[str, bool]:
        delimiter, quotes = self.dialect
        return delimiter or self.delimiter, self.quotes if quotes is None else quotes

    def _hint(self, record: list[str], header: list[str]) -> str:
        delimiter, quotes = self._parting
        if quotes and len(record) > len(header):
            return f"; a value that holds {delimiter!r} stands in quotes"
        if not quotes and any(value.startswith('"') for value in record):
            return "; if values stand in quotes, say `quotes: true`"
        return ""

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Give each row with its line, blank lines left out."""
        delimiter, quotes = self._parting
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
            raise self.file.refuse(f"this row is damaged ({error}); is a quote not closed?", line) from None


class Tsv(Csv):
    """Columns parted by a tab, the first line their names; a quote is a character like any other."""

    delimiter = "\t"
    quotes = False


class Parquet(Sheet):
    """A Parquet file; its rows are counted from 1."""

    head = None

    def columns(self) -> list[str]:
        """Name the columns of the schema."""
        with self._opened() as file:
            names: list[str] = file.schema_arrow.names
            return names

    def rows(self, names: Sequence[str], optional: Collection[str] = ()) -> Iterator[Row]:
        """Give the values of some columns."""
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
            raise self.file.refuse("Parquet is not read inside an archive: unpack it first")
        try:
            with pq.ParquetFile(self.file.path) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise self.file.refuse(f"this is no Parquet that can be read: {str(error).splitlines()[0]}") from None


FORMATS: dict[str, type[Sheet]] = {"jsonl": Jsonl, "csv": Csv, "tsv": Tsv, "parquet": Parquet}
ENDINGS = {**{name: name for name in FORMATS}, "ndjson": "jsonl"}
"""What the end of a name tells of the format, `.gz` left out."""
