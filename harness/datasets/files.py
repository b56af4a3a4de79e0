"""The sources `files`, `jsonl`, `csv`, `tsv` and `parquet`: files of your own, with columns found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator

from harness.artifacts.judgements import Judgement, Qrels, Span, Spans
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.datasets.readers.columns import Choice, Columns, choose
from harness.datasets.readers.entries import (
    Entry,
    Judged,
    count_unjudged,
    kind,
    load_corpus,
    load_qrels,
    load_queries,
    refuse_half_characters,
)
from harness.datasets.readers.folders import File, Folder
from harness.datasets.readers.row_files import EXTENSIONS, FORMATS, Dialect, RowFile
from harness.errors import UserError, nearest
from harness.fingerprint import fingerprint

READER = 2
"""The version of the reader; increase it when the same files are read as other texts or judgements."""
Part = Literal["corpus", "queries", "qrels", "spans"]
STEMS: dict[Part, tuple[str, ...]] = {
    "corpus": ("corpus", "documents", "docs", "passages"),
    "queries": ("queries", "topics", "questions"),
    "qrels": ("qrels", "judgements", "judgments", "relevance", "qrels/test"),
    "spans": ("spans", "highlights"),
}
"""The usual names of the files of each part, without their extension."""
WHOLE = re.compile(r"\s*([+-]?[0-9]{1,9})(\.0*)?\s*", re.ASCII)


class Opened(NamedTuple):
    """A file, and the columns of it that are read."""

    table: RowFile
    choice: Choice


class Files(Dataset):
    """Reads documents, queries and judgements from files in JSON lines, CSV, TSV or Parquet.

    `path` is a folder with these files, or a zip of one; by default the folder of the suite. There may be a file of
    gold spans, which are the places of answers in documents; without judgements, a document with a span is relevant.
    `corpus`, `queries`, `qrels` and `spans` name the files that do not have their usual names, and `columns` the
    columns: `{corpus: {id: Nr, title: Head, text: [Body]}}`. `delimiter` and `quotes` are for CSV and TSV.
    """

    formats: ClassVar[tuple[str, ...]] = tuple(FORMATS)
    brief: ClassVar[tuple[str, ...]] = ("path",)

    path: Path | None = None
    corpus_file: str | None = Field(default=None, alias="corpus")
    queries_file: str | None = Field(default=None, alias="queries")
    qrels_file: str | None = Field(default=None, alias="qrels")
    spans_file: str | None = Field(default=None, alias="spans")
    columns: Columns = Columns()
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quotes: bool | None = None

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n':
            raise ValueError("a quote or a line break cannot separate columns")
        return delimiter

    @classmethod
    def located(cls, settings: dict[str, Any], base: Path) -> dict[str, Any]:
        """Return the settings with an absolute `path`, by default the folder of the suite."""
        return super().located({"path": ".", **settings}, base)

    @property
    def revision(self) -> str:
        """A fingerprint of the settings and the stamps of the files."""
        settings = self.model_dump(mode="json")
        return fingerprint(
            ["files", READER, self.formats, settings, *(self._file(part).stamp for part in self._parts())]
        )

    def corpus(self) -> Corpus:
        """Load the documents, in bounded memory."""
        opened = self._open("corpus")
        return load_corpus(lambda: _entries(opened), str(opened.table.file))

    def queries(self) -> Queries:
        """Load the queries that are judged; DataError if one of them is missing."""
        judged, opened = set(self.qrels().query_ids), self._open("queries")
        judge: Part = "qrels" if "qrels" in self._parts() else "spans"
        return load_queries(_entries(opened), judged, opened.table.file, str(self._file(judge)))

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        return count_unjudged(_entries(self._open("queries")), set(self.qrels().query_ids))

    def qrels(self) -> Qrels:
        """Load the judgements; without a file of them, a document with a span for a query has grade 1."""
        if "qrels" not in self._parts() and (spans := self.spans()) is not None:
            return spans.qrels()
        opened = self._open("qrels")
        return load_qrels(_judgements(opened, self.columns.qrels.grade), opened.table.file)

    def spans(self) -> Spans | None:
        """Load the gold spans; None if there is no file of them."""
        if "spans" not in self._parts():
            return None
        opened = self._open("spans")
        return Spans.of(_spans(opened))

    def notes(self) -> list[str]:
        """Return which column was read as what, for each file."""
        return [f"{self._file(part).name}: {self._open(part).choice}" for part in self._parts()]

    def _parts(self) -> tuple[Part, ...]:
        """Return the parts that have a file: spans are optional, and so are judgements if there are spans."""
        with_spans, with_qrels = (self._exists(part) for part in ("spans", "qrels"))
        if not with_spans:
            return ("corpus", "queries", "qrels")
        return ("corpus", "queries", "qrels", "spans") if with_qrels else ("corpus", "queries", "spans")

    def _exists(self, part: Part) -> bool:
        return getattr(self, f"{part}_file") is not None or bool(self._usual(part, Folder.at(self.path or Path())))

    def _open(self, part: Part) -> Opened:
        file = self._file(part)
        name = self.formats[0] if len(self.formats) == 1 else _format(file)
        table = FORMATS[name](file, Dialect(self.delimiter, self.quotes))
        return Opened(table, choose(table, part, getattr(self.columns, part)))

    def _file(self, part: Part) -> File:
        """Return the file of a part; UserError, with the files that exist, if there is none or more than one."""
        folder, named = Folder.at(self.path or Path()), getattr(self, f"{part}_file")
        if named is not None:
            path = Path(named).expanduser()
            if folder.inside is None and (path.is_absolute() or ".." in path.parts):
                path = (folder.path / path).resolve()
                return Folder.at(path.parent).file(path.name)
            return folder.file(named)
        found = self._usual(part, folder)
        if len(found) > 1:
            raise UserError(
                f"{' and '.join(found)} in {folder} could each be the {part}; name one, as in `{part}: {found[0]}`"
            )
        if not found:
            stems, extensions = ", ".join(STEMS[part][:3]), ", .".join(self.formats)
            raise UserError(
                f"no file in {folder} has a usual name of the {part} ({stems}, … with .{extensions}): name the file "
                f"(`{part}: NAME`); {nearest(f'{STEMS[part][0]}.{self._extensions()[0]}', folder.names())}"
            )
        file = folder.get(found[0])
        assert file is not None  # noqa: S101  it was listed
        return file

    def _usual(self, part: Part, folder: Folder) -> list[str]:
        """Return the files with a usual name of a part."""
        usual = {f"{stem}.{end}{gz}" for stem in STEMS[part] for end in self._extensions() for gz in ("", ".gz")}
        return [name for name in folder.names() if name.lower() in usual]

    def _extensions(self) -> list[str]:
        return [extension for extension, name in EXTENSIONS.items() if name in self.formats]


class JsonlFiles(Files):
    """Reads documents, queries and judgements from files of JSON lines."""

    formats: ClassVar[tuple[str, ...]] = ("jsonl",)


class CsvFiles(Files):
    """Reads documents, queries and judgements from CSV files."""

    formats: ClassVar[tuple[str, ...]] = ("csv",)


class TsvFiles(Files):
    """Reads documents, queries and judgements from TSV files."""

    formats: ClassVar[tuple[str, ...]] = ("tsv",)


class ParquetFiles(Files):
    """Reads documents, queries and judgements from Parquet files."""

    formats: ClassVar[tuple[str, ...]] = ("parquet",)


def _format(file: File) -> str:
    if file.extension not in EXTENSIONS:
        raise file.refuse(f"the extension names no format; {nearest(file.extension, EXTENSIONS)}")
    return EXTENSIONS[file.extension]


def _entries(opened: Opened) -> Iterator[Entry]:
    """Yield one document or query per row; DataError with file and line for damage."""
    table, choice = opened
    key, titles, texts = (choice.names.get(word, ()) for word in ("id", "title", "text"))
    for values, line in table.rows([*key, *titles, *texts], titles):
        try:
            text = [_text(value, name) for value, name in zip(values[1:], (*titles, *texts), strict=True)]
            title, body = (text[0], text[1:]) if titles else (None, text)
            entry = Entry(_id(values[0], key[0]), document_text(title, " ".join(body)), table.file, line)
            refuse_half_characters(entry.id, entry.text)
        except ValueError as error:
            raise table.file.refuse(str(error), line) from None
        yield entry


def _judgements(opened: Opened, grade_of_all: str | int | None) -> Iterator[Judged]:
    """Yield one judgement per row; DataError with file and line for damage."""
    table, choice = opened
    (query,), (document,), grade = (choice.names[word] for word in ("query", "document", "grade"))
    for values, line in table.rows([query, document, *grade]):
        try:
            read = _whole(values[2], grade[0], "a grade") if grade else int(grade_of_all or 0)
            judgement = Judgement(_id(values[0], query), _id(values[1], document), read)
            refuse_half_characters(*judgement[:2])
        except ValueError as error:
            raise table.file.refuse(str(error), line) from None
        yield Judged(judgement, line)


def _spans(opened: Opened) -> Iterator[Span]:
    """Yield one span per row; DataError with file and line for damage."""
    table, choice = opened
    (query,), (document,), (start,), (end,) = (choice.names[word] for word in ("query", "document", "start", "end"))
    for values, line in table.rows([query, document, start, end]):
        try:
            ids = _id(values[0], query), _id(values[1], document)
            refuse_half_characters(*ids)
            span = Span(*ids, _whole(values[2], start, "a position"), _whole(values[3], end, "a position"))
            if not 0 <= span.start < span.end:
                raise ValueError(f"a span needs 0 <= {start} < {end}, found {span.start} and {span.end}")
        except ValueError as error:
            raise table.file.refuse(str(error), line) from None
        yield span


def _id(value: Any, column: str) -> str:
    """Return an id, a whole number as its digits; ValueError for anything but text or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{column!r} must be an id, text or a whole number, found {kind(value)}")
    if not value:
        raise ValueError(f"{column!r} must be an id, and is empty")
    return value


def _text(value: Any, column: str) -> str:
    """Return a text, a missing one as empty and a whole number as its digits; ValueError for anything else."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{column!r} must be text, found {kind(value)}")
    return value


def _whole(value: Any, column: str, what: str) -> int:
    """Return a whole number, which may be written as 2.0; ValueError, which names `what`, for anything else."""
    if not isinstance(value, bool) and isinstance(value, int | float | str) and (found := WHOLE.fullmatch(str(value))):
        return int(found[1])
    raise ValueError(f"{column!r} must be {what}, a whole number, found {value!r}")
