"""Which columns of one's own files hold what: said in the suite, or known by their usual names, never guessed twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.datasets.readers.row_files import Sheet
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
"""How columns are usually called; capitals, `_`, `-` and spaces make no difference."""


class CorpusColumns(BaseModel):
    """The columns of the documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    title: str | None = None
    """Stands before the text; "" for none."""
    text: str | list[str] | None = None
    """One column, or several, which are joined by spaces in this order."""


class QueriesColumns(BaseModel):
    """The columns of the queries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    text: str | list[str] | None = None


class QrelsColumns(BaseModel):
    """The columns of the judgements."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = None
    document: str | None = None
    grade: str | int | None = None
    """A column, or one number that every line gets."""


class SpansColumns(BaseModel):
    """The columns of the spans."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = None
    document: str | None = None
    start: str | None = None
    end: str | None = None


class Columns(BaseModel):
    """Columns by what they hold; what is left out is found by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: CorpusColumns = CorpusColumns()
    queries: QueriesColumns = QueriesColumns()
    qrels: QrelsColumns = QrelsColumns()
    spans: SpansColumns = SpansColumns()


class Choice(NamedTuple):
    """The columns of one file that hold what was asked for, by what they hold."""

    names: Mapping[str, tuple[str, ...]]
    unread: tuple[str, ...]

    def __str__(self) -> str:
        """Say it for people."""
        said = ", ".join(f"{word} = {' + '.join(map(repr, names))}" for word, names in self.names.items() if names)
        return said + (f"; not read: {', '.join(map(repr, self.unread))}" if self.unread else "")


Said = CorpusColumns | QueriesColumns | QrelsColumns | SpansColumns


def choose(sheet: Sheet, part: str, said: Said) -> Choice:
    """Find the columns of a part. DataError for one that is not there, and where more than one may be meant."""
    there = sheet.columns()
    names: dict[str, tuple[str, ...]] = {}
    for word, value in said:
        if isinstance(value, int):
            names[word] = ()
        elif value is None:
            names[word] = _usual(sheet, part, word, there)
        else:
            wanted = [value] if isinstance(value, str) else value
            names[word] = tuple(_there(sheet, part, word, name, there) for name in wanted if name)
    if "title" in names and said.title is None and set(names["title"]) & set(names["text"]):  # type: ignore[union-attr]
        names["title"] = ()
    read = {name for found in names.values() for name in found}
    return Choice(names, tuple(name for name in there if name not in read))


def _there(sheet: Sheet, part: str, word: str, name: str, there: Sequence[str]) -> str:
    if there.count(name) > 1:
        raise sheet.file.refuse(f"the column {name!r}, which is to be the {word}, stands more than once", sheet.head)
    if name in there or (word == "title" and sheet.holds(name)):
        return name
    where = f"`columns: {{{part}: {{{word}: …}}}}`"
    raise sheet.file.refuse(
        f"there is no column {name!r}, which {where} names; {_near(name, there)}{_parted(there)}", sheet.head
    )


def _usual(sheet: Sheet, part: str, word: str, there: Sequence[str]) -> tuple[str, ...]:
    """Return the one column that bears a usual name, the title's perhaps none."""
    usual = USUAL[part][word]
    found = [name for name in there if _plain(name) in usual]
    found = [name for name in found if _plain(name) == usual[0]] or found
    if len(found) > 1:
        both = " and ".join(map(repr, found))
        raise sheet.file.refuse(f"{both} may each be the {word}; say which: {_say(part, word, found[0])}", sheet.head)
    if found:
        return (found[0],)
    if word == "title":
        return ("title",) if sheet.lenient else ()
    more = "; or every line is relevant: columns: {qrels: {grade: 1}}" if word == "grade" else ""
    raise sheet.file.refuse(
        f"no column is called as the {word} usually is ({', '.join(usual[:3])}, …); {_near(usual[0], there)}. "
        f"Say which it is: {_say(part, word, 'NAME')}{more}{_parted(there)}",
        sheet.head,
    )


def _say(part: str, word: str, name: str) -> str:
    return f"columns: {{{part}: {{{word}: {name}}}}}"


def _near(name: str, there: Sequence[str]) -> str:
    """Name all columns, and the nearest if one is near."""
    named = [column for column in there if column]
    hint, listed = nearest(name, named), nearest("", named)
    return hint if hint == listed else f"{hint} ({listed})"


def _parted(there: Sequence[str]) -> str:
    """Say what seems to part the columns of a file that has only one.

    >>> _parted(["id;text"]), _parted(["id", "te;xt"])
    ('; if its columns are parted by ";", say `delimiter: ";"`', '')
    """
    mark = max(";\t,|", key=there[0].count) if len(there) == 1 else ""
    if not mark or mark not in there[0]:
        return ""
    return f"; if its columns are parted by {json.dumps(mark)}, say `delimiter: {json.dumps(mark)}`"


def _plain(name: str) -> str:
    """Write a name as the usual ones are written.

    >>> _plain("Query-ID"), _plain("_id"), _plain("docid")
    ('query id', 'id', 'doc id')
    """
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    joined = {"docid": "doc id", "doc no": "docno", "queryid": "query id", "corpusid": "corpus id"}
    return joined.get(plain, plain)
