"""Contexts: for each query the texts that a reader gets, in the order in which it gets them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from harness.artifacts.base import Rows, joined


class Context(NamedTuple):
    """One text that a reader gets: the characters [start, end) of a document's text, as every stage sees it."""

    doc_id: str
    start: int
    end: int
    rank: int
    """The place in the run, from 1, of what was found here."""
    score: float
    """Its score in the run."""
    tokens: int
    text: str


class Budget(NamedTuple):
    """How many tokens a query's texts may have together, and whose tokens these are."""

    tokens: int
    counted_by: str


class Contexts(Rows):
    """One entry a query: its id, and its texts by position, none where nothing was found or nothing fits.

    `contexts.jsonl` holds a line a query, `budget.json` the budget: a person can read both.
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
        """The tokens of each query's texts together."""
        return [sum(context.tokens for context in each) for each in self.texts]

    def take(self, part: slice) -> Self:
        """Return the contexts of some queries."""
        return type(self)(self.query_ids[part], self.texts[part], self.budget, self.rows[part])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the contexts of consecutive queries together."""
        ids = [key for part in parts for key in part.query_ids]
        return cls(ids, [each for part in parts for each in part.texts], parts[0].budget, joined(parts))

    def save(self, folder: Path) -> None:
        """Write both files."""
        self.save_joined([self], len(self), folder)

    @classmethod
    def save_joined(cls, parts: Iterable[Self], rows: int, folder: Path) -> None:
        """Write one part after the other; those before it are not held."""
        del rows
        with (folder / cls.file).open("w", encoding="utf-8", newline="\n") as file:
            for part in parts:
                file.writelines(part._lines())
                (folder / "budget.json").write_text(json.dumps(part.budget._asdict()) + "\n", "utf-8")

    def _lines(self) -> Iterable[str]:
        for query_id, texts in zip(self.query_ids, self.texts, strict=True):
            said = [{"position": i, **context._asdict()} for i, context in enumerate(texts, start=1)]
            yield json.dumps({"query_id": query_id, "contexts": said}, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read both files."""
        with (folder / cls.file).open(encoding="utf-8", newline="\n") as file:
            lines = [json.loads(line) for line in file]
        texts = [[Context(**{name: said[name] for name in Context._fields}) for said in q["contexts"]] for q in lines]
        budget = Budget(**json.loads((folder / "budget.json").read_text("utf-8")))
        return cls([line["query_id"] for line in lines], texts, budget)
