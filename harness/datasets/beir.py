"""A collection in the layout of BEIR: corpus.jsonl, queries.jsonl and qrels/<split>.tsv in one folder."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.errors import DataError, Place, RepeatedId, UserError, nearest, relative
from harness.fingerprint import fingerprint, stamp

READER = 1
"""Raise it when the same files come to be read as other texts or judgements."""
HEADINGS = {"score", "grade", "relevance", "label", "rel"}
"""How the third column of qrels may be headed; BEIR writes `query-id corpus-id score`."""
INTEGER = re.compile(r"\s*[+-]?[0-9]{1,9}\s*", re.ASCII)


class Entry(NamedTuple):
    """One line of a .jsonl file."""

    id: str
    text: str
    line: int


class Beir(Dataset):
    """`path` is the folder and `split` names the file in `qrels`; each file may be gzipped (`corpus.jsonl.gz`)."""

    path: Path
    split: str = "test"

    @property
    def revision(self) -> str:
        """The stamps of the three files."""
        files = [self._corpus_file, self._queries_file, self._qrels_file]
        return fingerprint(["beir", READER, *(stamp(file) for file in files)])

    def corpus(self) -> Corpus:
        """Load the documents, in bounded memory until they are Arrow."""
        file = self._corpus_file
        try:
            return Corpus.of((entry.id, entry.text) for entry in _entries(file, titled=True))
        except RepeatedId as error:
            first, again = (entry.line for entry in _entries(file, titled=True) if entry.id == error.id)
            raise _repeated(file, error.id, first, again) from None

    def queries(self) -> Queries:
        """Load the queries that the split judges; DataError where one of them is missing."""
        file, wanted, lines = self._queries_file, set(self.qrels().query_ids), dict[str, int]()

        def judged() -> Iterator[tuple[str, str]]:
            for entry in _entries(file, titled=False):
                if entry.id not in wanted:
                    continue
                if entry.id in lines:
                    raise _repeated(file, entry.id, lines[entry.id], entry.line)
                lines[entry.id] = entry.line
                yield entry.id, entry.text

        queries = Queries.of(judged())
        if missing := sorted(wanted.difference(lines)):
            raise DataError(
                f"{len(missing)} of the {len(wanted)} queries that the split {self.split!r} judges are not here, "
                f"{missing[0]!r} among them",
                Place(relative(file)),
            )
        return queries

    def qrels(self) -> Qrels:
        """Load the judgements of the split."""
        return Qrels.of(_judgements(self._qrels_file))

    @property
    def _corpus_file(self) -> Path:
        return _found(self.path, "corpus.jsonl")

    @property
    def _queries_file(self) -> Path:
        return _found(self.path, "queries.jsonl")

    @property
    def _qrels_file(self) -> Path:
        return _found(self.path, f"qrels/{self.split}.tsv")


def _found(root: Path, name: str) -> Path:
    """Return the file or its gzipped form; UserError with what lies there instead."""
    file = root / name
    for choice in (file, file.with_name(f"{file.name}.gz")):
        if choice.is_file():
            return choice
    missing = file
    while not missing.parent.exists():
        missing = missing.parent
    folder = missing.parent
    if not folder.is_dir():
        raise UserError(f"{relative(folder)} is a file, not the folder of a collection")
    there = [path.name for path in folder.iterdir() if missing == file or path.is_dir()]
    what = f"the file {missing.name} (or {missing.name}.gz)" if missing == file else f"the folder {missing.name}"
    raise UserError(f"{what} is not in {relative(folder)}; {nearest(missing.name, there)}")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Give each line that is not blank with its number; DataError where it is not UTF-8 or the gzip breaks off."""
    number = 0
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if text and not text.isspace():
                    yield number, text
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: {error.reason}", Place(relative(file), number)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"damaged gzip after line {number}: {error}", Place(relative(file))) from None


def _entries(file: Path, *, titled: bool) -> Iterator[Entry]:
    """Give one entry a line, its title joined to its text if `titled`; DataError with the place of the first damage."""
    for number, line in _lines(file):
        try:
            yield _entry(json.loads(line), number, titled=titled)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg}", Place(relative(file), number, error.colno)) from None
        except ValueError as error:
            raise DataError(str(error), Place(relative(file), number)) from None


def _entry(row: Any, number: int, *, titled: bool) -> Entry:
    """Read one object; ValueError says what is wrong with it."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object with '_id' and 'text', found {_kind(row)}")
    for field in ("_id", "text"):
        if field not in row:
            raise ValueError(f"the field {field!r} is missing; {nearest(field, row)}")
    key, title, text = row["_id"], row.get("title") if titled else None, row["text"]
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    for field, value in (("_id", key), ("title", "" if title is None else title), ("text", text)):
        if not isinstance(value, str):
            raise ValueError(f"the field {field!r} should be a string, found {_kind(value)}")
    if not key:
        raise ValueError("the field '_id' is empty")
    text = document_text(title, text)
    if not (key.isascii() and text.isascii()):
        _refuse_surrogates(key, text)
    return Entry(key, text, number)


def _refuse_surrogates(*texts: str) -> None:
    """Refuse half a character, which JSON can write as an escape and UTF-8 cannot hold."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"half a character ({text[error.start]!r}), which is not Unicode text") from None


def _kind(value: Any) -> str:
    """Name a JSON value as its reader knows it."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"the number {value}")


def _repeated(file: Path, key: str, first: int, again: int) -> DataError:
    return DataError(f"the id {key!r} stands here again; first in line {first}", Place(relative(file), again))


def _judgements(file: Path) -> Iterator[Judgement]:
    """Give one judgement a line; DataError with file and line for the first that is damaged or contradicts another."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for number, line in _lines(file):
        judgement = _judgement(file, number, line, heading=not seen)
        if judgement is None:
            continue
        grade, first = seen.setdefault(judgement[:2], (judgement.grade, number))
        if grade != judgement.grade:
            _refuse(file, number, f"judged as {judgement.grade} here and as {grade} in line {first}")
        yield judgement
    if not seen:
        raise DataError("no judgement in the file", Place(relative(file)))


def _judgement(file: Path, number: int, line: str, *, heading: bool) -> Judgement | None:
    """Read one row; None for the header, which may stand first."""
    columns = line.split("\t")
    if len(columns) != 3:
        _refuse(file, number, f"expected 3 columns parted by tabs (query, document, grade), found {len(columns)}")
    query, document, grade = columns
    if heading and number == 1 and grade.strip().lower() in HEADINGS:
        return None
    if not INTEGER.fullmatch(grade):
        _refuse(file, number, f"the grade should be a whole number, found {grade!r}")
    if not query or not document:
        _refuse(file, number, "an id is empty")
    return Judgement(query, document, int(grade))


def _refuse(file: Path, number: int, message: str) -> NoReturn:
    raise DataError(message, Place(relative(file), number))
