"""The contract of a data set: its settings, a cheap `revision`, and the parts that it loads."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from harness.artifacts.judgements import Qrels, References, Spans
from harness.artifacts.text import Corpus, Queries


class Dataset(BaseModel):
    """A source of a collection. Its fields are the settings in a suite; paths are absolute.

    The parts are loaded on demand; each raises DataError with file and line for damaged content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: ClassVar[str]
    """The name of the source in a suite, set by the registry."""
    brief: ClassVar[tuple[str, ...]] = ("path", "split")
    """The settings whose values `harness data SOURCE:VALUE:VALUE` takes, in this order."""

    grades: dict[int, int] | None = None
    """The grade to use for each published grade; every grade that occurs must be listed. Any source accepts it."""
    identical_ids: bool | None = Field(default=None, alias="ignore_identical_ids")
    """Whether documents with the id of their query are removed from runs, before any cut-off. Any source accepts it.

    By default the collection decides, and otherwise nothing is removed.
    """

    @classmethod
    def located(cls, settings: dict[str, Any], base: Path) -> dict[str, Any]:
        """Return the settings with absolute paths; relative ones start at `base`."""
        if isinstance(settings.get("path"), str):
            return settings | {"path": str((base / Path(settings["path"]).expanduser()).resolve())}
        return settings

    @property
    @abstractmethod
    def revision(self) -> str:
        """A string that differs if the collection may have changed, found without reading it.

        It is made from file stamps, a version or a commit.
        """

    @property
    def ignore_identical_ids(self) -> bool:
        """Whether documents with the id of their query are removed from runs; may read the collection."""
        return bool(self.identical_ids)

    @property
    def at_hand(self) -> bool:
        """Whether the collection can be loaded without fetching anything."""
        return True

    @abstractmethod
    def corpus(self) -> Corpus:
        """Load the documents; a text is `title + " " + text`, stripped, unless the source documents another rule."""

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
        """Load the reference answers and tags; None if the collection has none."""
        return None

    def spans(self) -> Spans | None:
        """Load the gold spans, the parts of documents that answer the queries; None if the collection has none."""
        return None

    def notes(self) -> list[str]:
        """Return what a reader of the numbers must know about this collection; called after the parts were loaded."""
        return []

    def origin(self) -> dict[str, Any]:
        """Return the publisher's names (task, revision, languages, …); called after the parts were loaded."""
        return {}

    def part(self, name: str) -> Corpus | Queries | Qrels | References | Spans | None:
        """Load `corpus`, `queries`, `qrels`, `references` or `spans`, with grades mapped by the setting `grades`."""
        part: Corpus | Queries | Qrels | References | Spans | None = getattr(self, name)()
        if self.grades is not None and isinstance(part, Qrels):
            return part.graded(self.grades)
        return part

    def changes(self) -> list[str]:
        """Return how `grades` and `ignore_identical_ids` change the collection as it was published."""
        changes = []
        if self.grades is not None:
            pairs = ", ".join(f"{grade} as {read}" for grade, read in sorted(self.grades.items()))
            changes.append(f"grades are not used as published: {pairs}")
        if self.ignore_identical_ids:
            changes.append("documents with the id of their query are removed from the results, before any cut-off")
        return changes


def document_text(title: str | None, text: str | None) -> str:
    """Return the text of a document as every stage sees it: title and text, joined by a space and stripped.

    >>> document_text(" On nets ", "They leak.")
    'On nets  They leak.'
    >>> document_text(None, "They leak.")
    'They leak.'
    """
    return f"{title or ''} {text or ''}".strip()
