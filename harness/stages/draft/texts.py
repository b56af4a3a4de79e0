"""One text of each query's drafts: as a query, or as a document that is encoded like one."""

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
    """The text of a number, in the place of the query; `repeat_query` times the query itself stands before it."""

    gives: ClassVar[type[Artifact]] = Queries
    number: int = Field(ge=0)
    repeat_query: int = Field(default=0, ge=0)

    def open(self, runtime: Runtime) -> Callable[[Drafts], Queries]:
        """The call takes Drafts."""
        return lambda drafts: Queries(table(drafts, self.number, self.repeat_query), drafts.rows)


class DraftedDocument(DraftReader):
    """The text of a number, as a document."""

    gives: ClassVar[type[Artifact]] = DraftTexts
    number: int = Field(ge=0)

    def open(self, runtime: Runtime) -> Callable[[Drafts], DraftTexts]:
        """The call takes Drafts."""
        return lambda drafts: DraftTexts(table(drafts, self.number), drafts.rows)


def table(drafts: Drafts, number: int, repeat_query: int = 0) -> pa.Table:
    """Return ids and texts as `Texts` holds them; the rows of drafts ascend by id as those of their queries do."""
    found = pairs(drafts.entries, number, repeat_query)
    columns = {"id": [key for key, _ in found], "text": [text for _, text in found]}
    return pa.table(columns, schema=SCHEMA)
