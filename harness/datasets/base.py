"""The protocol of a data set: settings, a cheap `revision`, and the parts that it can load."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from harness.artifacts.judgements import Qrels, References, Spans
from harness.artifacts.text import Corpus, Queries


class Dataset(BaseModel):
    """Where a collection comes from. Fields are what a suite may say of it; a path is absolute by the time it is here.

    The parts are loaded only when they are asked for; each load raises DataError with file and line for damage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: ClassVar[str]
    """The word in the suite, given by the registry."""
    brief: ClassVar[tuple[str, ...]] = ("path", "split")
    """The settings that `harness data WORD:VALUE:VALUE` gives, in this order."""

    grades: dict[int, int] | None = None
    """Which grade to read for each published one; it must name every grade that occurs. Any source takes it."""
    identical_ids: bool | None = Field(default=None, alias="ignore_identical_ids")
    """Whether a document that bears its query's id is taken out of what was found, before the cut. Any source takes it.

    Left out, it is as the collection says, else no.
    """

    @classmethod
    def located(cls, settings: dict[str, Any], base: Path) -> dict[str, Any]:
        """Return the settings of a suite with its paths made absolute; a relative one begins at `base`."""
        if isinstance(settings.get("path"), str):
            return settings | {"path": str((base / Path(settings["path"]).expanduser()).resolve())}
        return settings

    @property
    @abstractmethod
    def revision(self) -> str:
        """What tells, without reading the collection, that it may have changed (file stamps, a version, a commit)."""

    @property
    def ignore_identical_ids(self) -> bool:
        """Whether a document that bears its query's id is taken out; may read the collection."""
        return bool(self.identical_ids)

    @property
    def at_hand(self) -> bool:
        """Whether it can be loaded without fetching anything from elsewhere."""
        return True

    @abstractmethod
    def corpus(self) -> Corpus:
        """Load the documents; a text is `title + " " + text`, stripped, unless the source says otherwise."""

    @abstractmethod
    def queries(self) -> Queries:
        """Load the queries that this split judges."""

    @abstractmethod
    def qrels(self) -> Qrels:
        """Load the judgements of this split."""

    def unjudged_queries(self) -> int:
        """Count the queries of the source that this split does not judge, and that `queries` therefore leaves out."""
        return 0

    def references(self) -> References | None:
        """Load reference answers and tags, if the collection has any."""
        return None

    def spans(self) -> Spans | None:
        """Load the parts of documents that answer the queries, if the collection has them."""
        return None

    def notes(self) -> list[str]:
        """Say what a reader of the numbers must know of this collection; called after the parts were loaded."""
        return []

    def origin(self) -> dict[str, Any]:
        """Say what its publisher calls it (task, revision, languages, …); called after the parts were loaded."""
        return {}

    def part(self, name: str) -> Corpus | Queries | Qrels | References | Spans | None:
        """Load `corpus`, `queries`, `qrels`, `references` or `spans` as the harness reads it: grades are mapped."""
        found: Corpus | Queries | Qrels | References | Spans | None = getattr(self, name)()
        if self.grades is not None and isinstance(found, Qrels):
            return found.graded(self.grades)
        return found

    def said(self) -> list[str]:
        """Say what the settings that any source takes change of the collection as it was published."""
        notes = []
        if self.grades is not None:
            pairs = ", ".join(f"{grade} as {read}" for grade, read in sorted(self.grades.items()))
            notes.append(f"grades are read otherwise than published: {pairs}")
        if self.ignore_identical_ids:
            notes.append("a document that bears its query's id is taken out of what was found, before the cut")
        return notes


def document_text(title: str | None, text: str | None) -> str:
    """Join a title and a text as every stage sees a document.

    >>> document_text(" On nets ", "They leak.")
    'On nets  They leak.'
    >>> document_text(None, "They leak.")
    'They leak.'
    """
    return f"{title or ''} {text or ''}".strip()
