"""The protocol of a data set: settings, a cheap `revision`, and the parts that it can load."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from harness.artifacts.judgements import Qrels, References
from harness.artifacts.text import Corpus, Queries


class Dataset(BaseModel):
    """Where a collection comes from. Fields are what a suite may say of it; a path is absolute by the time it is here.

    The parts are loaded only when they are asked for; each load raises DataError with file and line for damage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: ClassVar[str]
    """The word in the suite, given by the registry."""

    @property
    @abstractmethod
    def revision(self) -> str:
        """What tells, without reading the collection, that it may have changed (file stamps, a version, a commit)."""

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

    def references(self) -> References | None:
        """Load reference answers and tags, if the collection has any."""
        return None

    def notes(self) -> list[str]:
        """Say what a reader of the numbers must know of this collection; called after the parts were loaded."""
        return []


def document_text(title: str | None, text: str | None) -> str:
    """Join a title and a text as every stage sees a document.

    >>> document_text(" On nets ", "They leak.")
    'On nets  They leak.'
    >>> document_text(None, "They leak.")
    'They leak.'
    """
    return f"{title or ''} {text or ''}".strip()
