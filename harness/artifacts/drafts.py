"""Drafts: the texts that a language model wrote for each query."""

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
    """The texts that were written for one query."""

    id: str
    """The id of the query."""
    query: str
    """The text of the query."""
    texts: tuple[str, ...]
    """The texts to search with; fewer than requested if the model wrote fewer."""
    replies: tuple[str, ...] | None = None
    """The replies of the model, if `texts` were parsed from them; None if `texts` are the replies."""
    tokens: int | None = None
    """The number of tokens that the model wrote for the query; None if unknown."""

    def text(self, number: int) -> str:
        """Return a text by its number from 0; the query itself if the model wrote fewer.

        >>> Draft("q1", "why?", ("what for?",)).text(1)
        'why?'
        """
        return self.texts[number] if number < len(self.texts) else self.query


class Drafts(Rows):
    """One Draft per query, in the order of the queries; saved as `drafts.jsonl` with one line per query."""

    file = "drafts.jsonl"

    def __init__(self, entries: Sequence[Draft], rows: range | None = None) -> None:
        self.entries = tuple(entries)
        self.rows = range(len(self.entries)) if rows is None else rows

    def take(self, part: slice) -> Self:
        """Return the drafts of some queries."""
        return type(self)(self.entries[part], self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the drafts of consecutive queries."""
        return cls([entry for part in parts for entry in part.entries], joined(parts))

    def save(self, folder: Path) -> None:
        """Write the file."""
        self.write(folder / self.file)

    def write(self, path: Path) -> None:
        """Write one line per query: `id`, `query`, `texts`, and `replies` and `tokens` unless they are None."""
        with path.open("w", encoding="utf-8") as file:
            for entry in self.entries:
                fields = {key: value for key, value in asdict(entry).items() if value is not None}
                file.write(json.dumps(fields, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the file."""
        with (folder / cls.file).open(encoding="utf-8") as file:
            return cls([_read(json.loads(line)) for line in file])


def _read(fields: dict[str, Any]) -> Draft:
    replies = fields.get("replies")
    return Draft(
        fields["id"],
        fields["query"],
        tuple(fields["texts"]),
        replies=None if replies is None else tuple(replies),
        tokens=fields.get("tokens"),
    )


class DraftTexts(Corpus):
    """One drafted text per query, to be encoded as a document. Ids and rows are those of the queries."""


def pairs(entries: Iterable[Draft], number: int, repeat_query: int = 0) -> list[tuple[str, str]]:
    r"""Return the id of each query with its draft of that number, preceded by `repeat_query` copies of the query.

    >>> pairs([Draft("q1", "why?", ("Because.",))], 0, repeat_query=2)
    [('q1', 'why? why? Because.')]
    """
    return [(e.id, " ".join([*[e.query] * repeat_query, e.text(number)])) for e in entries]
