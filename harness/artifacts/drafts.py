"""Drafts: what a language model wrote for each query, as JSON lines that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from harness.artifacts.base import Rows, joined
from harness.artifacts.text import Corpus


@dataclass(frozen=True)
class Draft:
    """What was written for one query."""

    id: str
    """Of the query."""
    query: str
    """The text that the model was asked about."""
    texts: tuple[str, ...]
    """What is searched with: fewer than were asked for where the model wrote fewer."""
    replies: tuple[str, ...] | None = None
    """What the model wrote, where `texts` were read out of it; None: they are the replies as they stand."""
    tokens: int | None = None
    """That the model wrote for it; None: not known."""

    def text(self, number: int) -> str:
        """Return a text by its number from 0; the query itself where the model wrote fewer.

        >>> Draft("q1", "why?", ("what for?",)).text(1)
        'why?'
        """
        return self.texts[number] if number < len(self.texts) else self.query


class Drafts(Rows):
    """One Draft a query, in the rows of the queries; a line for each in `drafts.jsonl`, in its folder of the store."""

    file = "drafts.jsonl"

    def __init__(self, entries: Sequence[Draft], rows: range | None = None) -> None:
        self.entries = tuple(entries)
        self.rows = range(len(self.entries)) if rows is None else rows

    def take(self, part: slice) -> Self:
        """Return the drafts of some queries."""
        return type(self)(self.entries[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the drafts of consecutive queries together."""
        return cls([entry for part in parts for entry in part.entries], joined(parts))

    def save(self, folder: Path) -> None:
        """Write the lines."""
        self.write(folder / self.file)

    def write(self, path: Path) -> None:
        """Write a line a query: `id`, `query`, `texts`, and where they are known `replies` and `tokens`."""
        with path.open("w", encoding="utf-8") as file:
            for entry in self.entries:
                said = {key: value for key, value in asdict(entry).items() if value is not None}
                file.write(json.dumps(said, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the lines."""
        with (folder / cls.file).open(encoding="utf-8") as file:
            return cls([_read(json.loads(line)) for line in file])


def _read(said: dict[str, Any]) -> Draft:
    replies = said.get("replies")
    read = None if replies is None else tuple(replies)
    return Draft(said["id"], said["query"], tuple(said["texts"]), read, said.get("tokens"))


class DraftTexts(Corpus):
    """One text of each query's drafts, to be encoded as a document is. Ids and rows are those of the queries."""


def pairs(entries: Iterable[Draft], number: int, repeat_query: int = 0) -> list[tuple[str, str]]:
    r"""Return the id of each query and its text of a number, the query itself so many times before it.

    >>> pairs([Draft("q1", "why?", ("Because.",))], 0, repeat_query=2)
    [('q1', 'why? why? Because.')]
    """
    return [(e.id, " ".join([*[e.query] * repeat_query, e.text(number)])) for e in entries]
