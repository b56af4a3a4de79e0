"""One draft of each query, as a query or as a text that is encoded like a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from harness.artifacts.base import Artifact
from harness.artifacts.drafts import Drafts, DraftTexts, pairs
from harness.artifacts.text import SCHEMA, Queries
from harness.stage import DraftReader, Runtime


class DraftedQuery(DraftReader):
    """Replaces each query by its draft with index `number`, after `repeat_query` copies of the query."""

    gives: ClassVar[type[Artifact]] = Queries
    number: int = Field(ge=0)
    """The index of the draft, from 0."""
    repeat_query: int = Field(default=0, ge=0)
    """How many times the query is prepended to the draft."""

    def open(self, runtime: Runtime) -> Callable[[Drafts], Queries]:
        """The call takes Drafts."""
        return lambda drafts: Queries(table(drafts, self.number, self.repeat_query), drafts.rows)


class DraftedDocument(DraftReader):
    """Selects the draft with index `number` of each query, to be encoded like a document."""

    gives: ClassVar[type[Artifact]] = DraftTexts
    number: int = Field(ge=0)
    """The index of the draft, from 0."""

    def open(self, runtime: Runtime) -> Callable[[Drafts], DraftTexts]:
        """The call takes Drafts."""
        return lambda drafts: DraftTexts(table(drafts, self.number), drafts.rows)


def table(drafts: Drafts, number: int, repeat_query: int = 0) -> pa.Table:
    """Return a table of ids and texts with the schema of `Texts`; rows are in the order of the queries, by id."""
    rows = pairs(drafts.entries, number, repeat_query)
    columns = {"id": [key for key, _ in rows], "text": [text for _, text in rows]}
    return pa.table(columns, schema=SCHEMA)
