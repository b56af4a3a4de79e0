"""Builds the parts of a collection from entries; duplicate ids, contradictions and gaps are errors with their line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.readers.folders import File, lines
from harness.errors import DataError, Place, RepeatedId


class Entry(NamedTuple):
    """A document or a query, with its file and line."""

    id: str
    text: str
    file: File
    line: int


class Judged(NamedTuple):
    """A judgement, with its line."""

    judgement: Judgement
    line: int


def load_corpus(read: Callable[[], Iterable[Entry]], where: str) -> Corpus:
    """Load documents in bounded memory; DataError for a duplicate id, and if there are no documents in `where`.

    `read` is called again to find the two lines of a duplicate id.
    """
    try:
        corpus = Corpus.of((entry.id, entry.text) for entry in read())
    except RepeatedId as error:
        first, again = [entry for entry in read() if entry.id == error.id][:2]
        raise _repeated(first, again) from None
    if not len(corpus):
        raise DataError("there are no documents", Place(where))
    return corpus


def load_queries(entries: Iterable[Entry], judged: set[str], file: File, judge: str) -> Queries:
    """Load the queries that `judge` (a split or a file) judges; DataError for a duplicate id or a missing query."""
    seen: dict[str, Entry] = {}

    def pairs() -> Iterator[tuple[str, str]]:
        for entry in entries:
            if entry.id not in judged:
                continue
            if (first := seen.setdefault(entry.id, entry)) is not entry:
                raise _repeated(first, entry)
            yield entry.id, entry.text

    queries = Queries.of(pairs())
    if missing := sorted(judged.difference(seen)):
        raise file.refuse(
            f"{len(missing)} of the {len(judged)} queries that {judge} judges are missing, such as {missing[0]!r}"
        )
    return queries


def count_unjudged(entries: Iterable[Entry], wanted: set[str]) -> int:
    """Count the entries that `load_queries` leaves out."""
    return sum(entry.id not in wanted for entry in entries)


def load_qrels(judged: Iterable[Judged], file: File) -> Qrels:
    """Load judgements; DataError for a pair that is judged twice with different grades, and if there are none."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}

    def checked() -> Iterator[Judgement]:
        for judgement, line in judged:
            grade, first = seen.setdefault(judgement[:2], (judgement.grade, line))
            if grade != judgement.grade:
                raise file.refuse(f"judged as {judgement.grade} here and as {grade} in line {first}", line)
            yield judgement
        if not seen:
            raise file.refuse("there are no judgements")

    return Qrels.of(checked())


def json_objects(file: File, expected: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the JSON object of each line; DataError for anything else."""
    for number, line in lines(file):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg}", Place(str(file), number, error.colno)) from None
        except (ValueError, RecursionError) as error:
            raise file.refuse(f"not JSON: {error}", number) from None
        if not isinstance(value, dict):
            raise file.refuse(f"expected {expected}, found {kind(value)}", number)
        yield number, value


def refuse_half_characters(*texts: str) -> None:
    """Raise ValueError for a lone surrogate, which JSON can escape but UTF-8 cannot encode."""
    for text in texts:
        try:
            text.isascii() or text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"half a character ({text[error.start]!r}), which UTF-8 cannot encode") from None


def kind(value: Any) -> str:
    """Describe a value in the terms of the file.

    >>> kind([]), kind(True), kind(3.5), kind(b"x")
    ('a list', 'true or false', 'the number 3.5', 'bytes')
    """
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {value}"
    return names.get(type(value), type(value).__name__)


def _repeated(first: Entry, again: Entry) -> DataError:
    where = f"in line {first.line}" if first.file == again.file else f"at {first.file}:{first.line}"
    return again.file.refuse(f"duplicate id {again.id!r} (first {where})", again.line)
