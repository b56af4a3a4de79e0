"""Which columns of a file hold what: named in the suite, or found by their usual names, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.datasets.readers.row_files import RowFile
from harness.errors import nearest

USUAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "corpus": {
        "id": ("id", "doc id", "docno", "document id", "corpus id", "passage id", "pid"),
        "title": ("title", "heading", "headline"),
        "text": ("text", "body", "content", "contents", "passage", "document", "abstract"),
    },
    "queries": {
        "id": ("id", "query id", "qid", "question id", "topic id", "topic"),
        "text": ("text", "query", "question", "title"),
    },
    "qrels": {
        "query": ("query id", "qid", "query", "question id", "question", "topic id", "topic"),
        "document": ("doc id", "docno", "document id", "document", "doc", "corpus id", "passage id", "pid"),
        "grade": ("grade", "score", "relevance", "rel", "label", "judgement", "judgment"),
    },
    "spans": {
        "query": ("query id", "qid", "query", "question id", "question", "topic id", "topic"),
        "document": ("doc id", "docno", "document id", "document", "doc", "corpus id", "passage id", "pid"),
        "start": ("start", "start index", "begin", "from"),
        "end": ("end", "end index", "stop", "to"),
    },
}
"""The usual names of columns, the preferred one first; case, `_`, `-` and spaces are ignored."""


class CorpusColumns(BaseModel):
    """The columns of the documents; None finds a column by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    title: str | None = None
    """The column whose value precedes the text; "" for none."""
    text: str | list[str] | None = None
    """One column, or several whose values are joined by spaces in this order."""


class QueriesColumns(BaseModel):
    """The columns of the queries; None finds a column by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    text: str | list[str] | None = None


class QrelsColumns(BaseModel):
    """The columns of the judgements; None finds a column by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = None
    document: str | None = None
    grade: str | int | None = None
    """A column, or one grade for every row."""


class SpansColumns(BaseModel):
    """The columns of the spans; None finds a column by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = None
    document: str | None = None
    start: str | None = None
    end: str | None = None


class Columns(BaseModel):
    """The columns of each part; those left out are found by their usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: CorpusColumns = CorpusColumns()
    queries: QueriesColumns = QueriesColumns()
    qrels: QrelsColumns = QrelsColumns()
    spans: SpansColumns = SpansColumns()


class Choice(NamedTuple):
    """The columns of one file that are read, and the others."""

    names: Mapping[str, tuple[str, ...]]
    """By field (`id`, `text`, …), the columns that hold it; none for an optional field that is absent."""
    unread: tuple[str, ...]

    def __str__(self) -> str:
        """Return the choice in one line."""
        fields = ", ".join(f"{field} = {' + '.join(map(repr, names))}" for field, names in self.names.items() if names)
        return fields + (f"; not read: {', '.join(map(repr, self.unread))}" if self.unread else "")


PartColumns = CorpusColumns | QueriesColumns | QrelsColumns | SpansColumns


def choose(table: RowFile, part: str, named: PartColumns) -> Choice:
    """Find the columns of a part; DataError for a named one that does not exist, and for ambiguous names."""
    columns = table.columns()
    names: dict[str, tuple[str, ...]] = {}
    for field, value in named:
        if isinstance(value, int):
            names[field] = ()
        elif value is None:
            names[field] = _usual(table, part, field, columns)
        else:
            given = [value] if isinstance(value, str) else value
            names[field] = tuple(_existing(table, part, field, name, columns) for name in given if name)
    if "title" in names and named.title is None and set(names["title"]) & set(names["text"]):  # type: ignore[union-attr]
        names["title"] = ()
    read = {name for chosen in names.values() for name in chosen}
    return Choice(names, tuple(name for name in columns if name not in read))


def _existing(table: RowFile, part: str, field: str, name: str, columns: Sequence[str]) -> str:
    if columns.count(name) > 1:
        raise table.file.refuse(f"there is more than one column {name!r}, which is named as the {field}", table.head)
    if name in columns or (field == "title" and table.has(name)):
        return name
    raise table.file.refuse(
        f"there is no column {name!r}, which is named in `columns: {{{part}: {{{field}: …}}}}`; "
        f"{_near(name, columns)}{_separator_hint(columns)}",
        table.head,
    )


def _usual(table: RowFile, part: str, field: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the one column with a usual name; a title is optional."""
    usual = USUAL[part][field]
    found = [name for name in columns if _plain(name) in usual]
    found = [name for name in found if _plain(name) == usual[0]] or found
    if len(found) > 1:
        candidates = " and ".join(map(repr, found))
        raise table.file.refuse(
            f"{candidates} could each be the {field}; name one, as in {_setting(part, field, found[0])}", table.head
        )
    if found:
        return (found[0],)
    if field == "title":
        return ("title",) if table.lenient else ()
    more = ", or give every row the same grade: columns: {qrels: {grade: 1}}" if field == "grade" else ""
    raise table.file.refuse(
        f"no column has a usual name of the {field} ({', '.join(usual[:3])}, …); {_near(usual[0], columns)}. "
        f"Name it: {_setting(part, field, 'NAME')}{more}{_separator_hint(columns)}",
        table.head,
    )


def _setting(part: str, field: str, name: str) -> str:
    return f"columns: {{{part}: {{{field}: {name}}}}}"


def _near(name: str, columns: Sequence[str]) -> str:
    """Return a hint with all columns, and with the nearest name if one is near."""
    named = [column for column in columns if column]
    hint, listed = nearest(name, named), nearest("", named)
    return hint if hint == listed else f"{hint} ({listed})"


def _separator_hint(columns: Sequence[str]) -> str:
    """Return a hint on the separator if a file has only one column, whose name contains a usual separator.

    >>> _separator_hint(["id;text"]), _separator_hint(["id", "te;xt"])
    ('; if its columns are separated by ";", add `delimiter: ";"`', '')
    """
    mark = max(";\t,|", key=columns[0].count) if len(columns) == 1 else ""
    if not mark or mark not in columns[0]:
        return ""
    return f"; if its columns are separated by {json.dumps(mark)}, add `delimiter: {json.dumps(mark)}`"


def _plain(name: str) -> str:
    """Return a name in the form of the usual names.

    >>> _plain("Query-ID"), _plain("_id"), _plain("docid")
    ('query id', 'id', 'doc id')
    """
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    joined = {"docid": "doc id", "doc no": "docno", "queryid": "query id", "corpusid": "corpus id"}
    return joined.get(plain, plain)
