"""Contexts: the texts that a reader gets for each query, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from harness.artifacts.base import Rows, joined


class Context(NamedTuple):
    """A text that a reader gets: the characters [start, end) of the text of a document."""

    doc_id: str
    start: int
    end: int
    rank: int
    """The rank, from 1, of the document or passage in the run."""
    score: float
    """The score of the document or passage in the run."""
    tokens: int
    text: str


class Budget(NamedTuple):
    """The most tokens that the texts of a query may have in total, and how they are counted."""

    tokens: int
    counted_by: str


class Contexts(Rows):
    """The id of each query and its texts in order; none if nothing was found or nothing fits into the budget.

    Saved as `contexts.jsonl` with one line per query, and `budget.json`; people can read both.
    """

    file = "contexts.jsonl"

    def __init__(
        self,
        query_ids: Sequence[str],
        texts: Sequence[Sequence[Context]],
        budget: Budget,
        rows: range | None = None,
    ) -> None:
        self.query_ids = list(query_ids)
        self.texts = [list(each) for each in texts]
        self.budget = budget
        self.rows = range(len(self.texts)) if rows is None else rows

    @property
    def tokens(self) -> list[int]:
        """The number of tokens of all texts of each query."""
        return [sum(context.tokens for context in each) for each in self.texts]

    def take(self, part: slice) -> Self:
        """Return the contexts of some queries."""
        return type(self)(self.query_ids[part], self.texts[part], self.budget, self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the contexts of consecutive queries."""
        ids = [key for part in parts for key in part.query_ids]
        return cls(ids, [each for part in parts for each in part.texts], parts[0].budget, joined(parts))

    def save(self, folder: Path) -> None:
        """Write both files."""
        self.save_joined([self], len(self), folder)

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Write one part after the other, holding one at a time."""
        del rows
        with (folder / cls.file).open("w", encoding="utf-8", newline="\n") as file:
            for part in parts:
                file.writelines(part._lines())
                (folder / "budget.json").write_text(json.dumps(part.budget._asdict()) + "\n", "utf-8")

    def _lines(self) -> Iterable[str]:
        for query_id, texts in zip(self.query_ids, self.texts, strict=True):
            contexts = [{"position": i, **context._asdict()} for i, context in enumerate(texts, start=1)]
            yield json.dumps({"query_id": query_id, "contexts": contexts}, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read both files."""
        with (folder / cls.file).open(encoding="utf-8", newline="\n") as file:
            lines = [json.loads(line) for line in file]
        texts = [[_context(fields) for fields in line["contexts"]] for line in lines]
        budget = Budget(**json.loads((folder / "budget.json").read_text("utf-8")))
        return cls([line["query_id"] for line in lines], texts, budget)


def _context(fields: dict[str, Any]) -> Context:
    return Context(**{name: fields[name] for name in Context._fields})
