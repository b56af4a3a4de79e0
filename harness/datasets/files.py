"""One's own files: documents, queries, judgements, spans in jsonl, csv, tsv or parquet; columns are found by name."""

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
from harness.datasets.readers.row_files import ENDINGS, FORMATS, Dialect, Sheet
from harness.errors import UserError, nearest
from harness.fingerprint import fingerprint

READER = 2
"""Raise it when the same files come to be read as other texts or judgements."""
Part = Literal["corpus", "queries", "qrels", "spans"]
STEMS: dict[Part, tuple[str, ...]] = {
    "corpus": ("corpus", "documents", "docs", "passages"),
    "queries": ("queries", "topics", "questions"),
    "qrels": ("qrels", "judgements", "judgments", "relevance", "qrels/test"),
    "spans": ("spans", "highlights"),
}
"""How the files of a folder may be called, without their ending."""
WHOLE = re.compile(r"\s*([+-]?[0-9]{1,9})(\.0*)?\s*", re.ASCII)


class Opened(NamedTuple):
    """A file that is read, and the columns of it that hold what is wanted."""

    sheet: Sheet
    choice: Choice


class Files(Dataset):
    """`path` is a folder, or a zip of one, with a file of documents, of queries and of judgements, in any format.

    There may be a file of spans, which say where in a document the answer stands; without judgements, these judge the
    documents. `corpus`, `queries`, `qrels` and `spans` name the files where they are not called as usual; without
    `path` they begin at the suite. `columns` names the columns that are not called as usual:
    `{corpus: {id: Nr, title: Head, text: [Body]}}`. `delimiter` and `quotes` are those of csv and tsv.
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
    def _parts(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n':
            raise ValueError("a quote or an end of line parts no columns")
        return delimiter

    @classmethod
    def located(cls, settings: dict[str, Any], base: Path) -> dict[str, Any]:
        """Make the folder absolute: `path`, else where the suite is."""
        return super().located({"path": ".", **settings}, base)

    @property
    def revision(self) -> str:
        """The settings and the stamps of the files."""
        settings = self.model_dump(mode="json")
        return fingerprint(
            ["files", READER, self.formats, settings, *(self._file(part).stamp for part in self._there())]
        )

    def corpus(self) -> Corpus:
        """Load the documents, in bounded memory."""
        opened = self._open("corpus")
        return load_corpus(lambda: _entries(opened), str(opened.sheet.file))

    def queries(self) -> Queries:
        """Load the queries that are judged; DataError where one of them is missing."""
        wanted, opened = set(self.qrels().query_ids), self._open("queries")
        judge: Part = "qrels" if "qrels" in self._there() else "spans"
        return load_queries(_entries(opened), wanted, opened.sheet.file, str(self._file(judge)))

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        return count_unjudged(_entries(self._open("queries")), set(self.qrels().query_ids))

    def qrels(self) -> Qrels:
        """Load the judgements; without a file of them, a document with a span for a query is judged as 1."""
        if "qrels" not in self._there() and (spans := self.spans()) is not None:
            return spans.qrels()
        opened = self._open("qrels")
        return load_qrels(_judgements(opened, self.columns.qrels.grade), opened.sheet.file)

    def spans(self) -> Spans | None:
        """Load the spans, if there is a file of them."""
        if "spans" not in self._there():
            return None
        opened = self._open("spans")
        return Spans.of(_spans(opened))

    def notes(self) -> list[str]:
        """Say which columns were read as what."""
        return [f"{self._file(part).name}: {self._open(part).choice}" for part in self._there()]

    def _there(self) -> tuple[Part, ...]:
        """Name the parts that have a file: spans only where there is one, judgements unless spans stand for them."""
        with_spans, with_qrels = (self._is_there(part) for part in ("spans", "qrels"))
        if not with_spans:
            return ("corpus", "queries", "qrels")
        return ("corpus", "queries", "qrels", "spans") if with_qrels else ("corpus", "queries", "spans")

    def _is_there(self, part: Part) -> bool:
        return getattr(self, f"{part}_file") is not None or bool(self._usual(part, Folder.at(self.path or Path())))

    def _open(self, part: Part) -> Opened:
        file = self._file(part)
        word = self.formats[0] if len(self.formats) == 1 else _format(file)
        sheet = FORMATS[word](file, Dialect(self.delimiter, self.quotes))
        return Opened(sheet, choose(sheet, part, getattr(self.columns, part)))

    def _file(self, part: Part) -> File:
        """Find the file of a part; UserError with what is there, and where more than one may be meant."""
        folder, said = Folder.at(self.path or Path()), getattr(self, f"{part}_file")
        if said is not None:
            beyond = Path(said).expanduser()
            if folder.inside is None and (beyond.is_absolute() or ".." in beyond.parts):
                whole = (folder.path / beyond).resolve()
                return Folder.at(whole.parent).file(whole.name)
            return folder.file(said)
        found = self._usual(part, folder)
        if len(found) > 1:
            both = " and ".join(found)
            raise UserError(f"{both} in {folder} may each be the {part}; say which: {part}: {found[0]}")
        if not found:
            stems = ", ".join(STEMS[part][:3])
            raise UserError(
                f"no file in {folder} is called as the {part} usually is ({stems}, … .{', .'.join(self.formats)}): "
                f"say which it is (`{part}: NAME`); {nearest(f'{STEMS[part][0]}.{self._endings()[0]}', folder.names())}"
            )
        file = folder.get(found[0])
        assert file is not None  # noqa: S101  it was listed
        return file

    def _usual(self, part: Part, folder: Folder) -> list[str]:
        """Return the files that are called as a part usually is."""
        usual = {f"{stem}.{ending}{gz}" for stem in STEMS[part] for ending in self._endings() for gz in ("", ".gz")}
        return [name for name in folder.names() if name.lower() in usual]

    def _endings(self) -> list[str]:
        return [ending for ending, word in ENDINGS.items() if word in self.formats]


class JsonlFiles(Files):
    """`path` is a folder, or a zip of one, with documents, queries and judgements in jsonl."""

    formats: ClassVar[tuple[str, ...]] = ("jsonl",)


class CsvFiles(Files):
    """`path` is a folder, or a zip of one, with documents, queries and judgements in csv."""

    formats: ClassVar[tuple[str, ...]] = ("csv",)


class TsvFiles(Files):
    """`path` is a folder, or a zip of one, with documents, queries and judgements in tsv."""

    formats: ClassVar[tuple[str, ...]] = ("tsv",)


class ParquetFiles(Files):
    """`path` is a folder with documents, queries and judgements in Parquet."""

    formats: ClassVar[tuple[str, ...]] = ("parquet",)


def _format(file: File) -> str:
    if file.ending not in ENDINGS:
        raise file.refuse(f"the end of its name tells no format; {nearest(file.ending, ENDINGS)}")
    return ENDINGS[file.ending]


def _entries(opened: Opened) -> Iterator[Entry]:
    """Give a document or a query a row; DataError with file and line for the first that is damaged."""
    sheet, choice = opened
    key, titles, texts = (choice.names.get(word, ()) for word in ("id", "title", "text"))
    for values, line in sheet.rows([*key, *titles, *texts], titles):
        try:
            text = [_text(value, name) for value, name in zip(values[1:], (*titles, *texts), strict=True)]
            title, body = (text[0], text[1:]) if titles else (None, text)
            entry = Entry(_id(values[0], key[0]), document_text(title, " ".join(body)), sheet.file, line)
            refuse_half_characters(entry.id, entry.text)
        except ValueError as error:
            raise sheet.file.refuse(str(error), line) from None
        yield entry


def _judgements(opened: Opened, said: str | int | None) -> Iterator[Judged]:
    """Give a judgement a row; DataError with file and line for the first that is damaged."""
    sheet, choice = opened
    (query,), (document,), grade = (choice.names[word] for word in ("query", "document", "grade"))
    for values, line in sheet.rows([query, document, *grade]):
        try:
            read = _whole(values[2], grade[0], "a grade") if grade else int(said or 0)
            judgement = Judgement(_id(values[0], query), _id(values[1], document), read)
            refuse_half_characters(*judgement[:2])
        except ValueError as error:
            raise sheet.file.refuse(str(error), line) from None
        yield Judged(judgement, line)


def _spans(opened: Opened) -> Iterator[Span]:
    """Give a span a row; DataError with file and line for the first that is damaged."""
    sheet, choice = opened
    (query,), (document,), (start,), (end,) = (choice.names[word] for word in ("query", "document", "start", "end"))
    for values, line in sheet.rows([query, document, start, end]):
        try:
            ids = _id(values[0], query), _id(values[1], document)
            refuse_half_characters(*ids)
            span = Span(*ids, _whole(values[2], start, "a place"), _whole(values[3], end, "a place"))
            if not 0 <= span.start < span.end:
                raise ValueError(f"a span is 0 <= {start} < {end} characters, found {span.start} and {span.end}")
        except ValueError as error:
            raise sheet.file.refuse(str(error), line) from None
        yield span


def _id(value: Any, column: str) -> str:
    """Read an id: a text, or a whole number as its digits; ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{column!r} should be an id, text or a whole number, found {kind(value)}")
    if not value:
        raise ValueError(f"{column!r} is empty, and should be an id")
    return value


def _text(value: Any, column: str) -> str:
    """Read a text, none as an empty one, a whole number as its digits; ValueError for anything else."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{column!r} should be text, found {kind(value)}")
    return value


def _whole(value: Any, column: str, what: str) -> int:
    """Read a whole number, 2.0 too; ValueError, which says what it should be, for anything else."""
    if not isinstance(value, bool) and isinstance(value, int | float | str) and (found := WHOLE.fullmatch(str(value))):
        return int(found[1])
    raise ValueError(f"{column!r} should be {what}, a whole number, found {value!r}")
