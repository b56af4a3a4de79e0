"""Lines of files to the parts of a collection: what stands twice, contradicts or is missing is named with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.readers.folders import File, lines
from harness.errors import DataError, Place, RepeatedId


class Entry(NamedTuple):
    """A document or a query, and where it stands."""

    id: str
    text: str
    file: File
    line: int


class Judged(NamedTuple):
    """A judgement and its line."""

    judgement: Judgement
    line: int


def load_corpus(read: Callable[[], Iterable[Entry]], where: str) -> Corpus:
    """Load documents in bounded memory; DataError where there is none in `where`, and for an id that stands twice.

    `read` is called again to find the two places of such an id.
    """
    try:
        corpus = Corpus.of((entry.id, entry.text) for entry in read())
    except RepeatedId as error:
        first, again = [entry for entry in read() if entry.id == error.id][:2]
        raise _repeated(first, again) from None
    if not len(corpus):
        raise DataError("no document in the file", Place(where))
    return corpus


def load_queries(entries: Iterable[Entry], wanted: set[str], file: File, judge: str) -> Queries:
    """Load the queries of a file that `judge` (the split, the file of judgements) judges; DataError where one lacks."""
    seen: dict[str, Entry] = {}

    def pairs() -> Iterator[tuple[str, str]]:
        for entry in entries:
            if entry.id not in wanted:
                continue
            if (first := seen.setdefault(entry.id, entry)) is not entry:
                raise _repeated(first, entry)
            yield entry.id, entry.text

    queries = Queries.of(pairs())
    if missing := sorted(wanted.difference(seen)):
        raise file.refuse(
            f"{len(missing)} of the {len(wanted)} queries that {judge} judges are not here, {missing[0]!r} among them"
        )
    return queries


def count_unjudged(entries: Iterable[Entry], wanted: set[str]) -> int:
    """Count the entries that `load_queries` leaves out."""
    return sum(entry.id not in wanted for entry in entries)


def load_qrels(judged: Iterable[Judged], file: File) -> Qrels:
    """Load judgements; DataError for a pair that is judged twice with different grades, and where there is none."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}

    def checked() -> Iterator[Judgement]:
        for judgement, line in judged:
            grade, first = seen.setdefault(judgement[:2], (judgement.grade, line))
            if grade != judgement.grade:
                raise file.refuse(f"judged as {judgement.grade} here and as {grade} in line {first}", line)
            yield judgement
        if not seen:
            raise file.refuse("no judgement in the file")

    return Qrels.of(checked())


def json_objects(file: File, expected: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the JSON object of each line; DataError for anything else."""
    for number, line in lines(file):
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg}", Place(str(file), number, error.colno)) from None
        except (ValueError, RecursionError) as error:
            raise file.refuse(f"not JSON: {error}", number) from None
        if not isinstance(found, dict):
            raise file.refuse(f"expected {expected}, found {kind(found)}", number)
        yield number, found


def refuse_half_characters(*texts: str) -> None:
    """Refuse half a character, which JSON can write as an escape and UTF-8 cannot hold; ValueError."""
    for text in texts:
        try:
            text.isascii() or text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"half a character ({text[error.start]!r}), which is not Unicode text") from None


def kind(value: Any) -> str:
    """Name a value as whoever wrote the file knows it.

    >>> kind([]), kind(True), kind(3.5), kind(b"x")
    ('a list', 'true or false', 'the number 3.5', 'bytes')
    """
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {value}"
    return names.get(type(value), type(value).__name__)


def _repeated(first: Entry, again: Entry) -> DataError:
    where = f"line {first.line}" if first.file == again.file else f"{first.file}:{first.line}"
    return again.file.refuse(f"the id {again.id!r} stands here again; first in {where}", again.line)
