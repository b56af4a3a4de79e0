"""A collection that the library ir_datasets knows: it downloads the files, checks them and keeps them in its home."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.errors import DataError, MissingLibrary, UnknownName, UserError, nearest
from harness.fingerprint import fingerprint, stamp

READER = 1
"""Raise it when the same collection comes to be read as other texts or judgements."""
PARTS = ("docs", "queries", "qrels")
STORE = "docs.pklz4"
"""The folder in which the library keeps documents that it has unpacked."""
NOT_DOCUMENTS = ("irds_version", "quer", "qrel", "topic", "tmp")
"""What the names of the other files that it keeps hold."""


class IrDatasets(Dataset):
    """`id` is the library's name of a collection with documents, queries and judgements.

    `fields` names the fields that make a document's text, in this order; left empty, it is the text that the library
    calls default.
    """

    brief: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    fields: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """The settings, the version of the library and the stamps of what lies in its home for this collection."""
        settings = self.model_dump(mode="json")
        return fingerprint(["ir_datasets", READER, _version(), settings, [stamp(file) for file in self._files()]])

    @property
    def at_hand(self) -> bool:
        """Whether the library is installed and its home holds the documents, as far as the names of files tell."""
        return _version() is not None and any(map(_holds_documents, self._files()))

    def corpus(self) -> Corpus:
        """Load the documents."""
        known = self._load().docs_cls()._fields
        for field in self.fields:
            if field not in known:
                raise UserError(f"a document of {self.id!r} has no field {field!r}; {nearest(field, known)}")
        if not self.fields and not _tells_text(known, self._load().docs_cls()):
            raise UserError(f"say which fields make the text of a document of {self.id!r}: `fields` of {list(known)}")
        return Corpus.of((doc.doc_id, _document(doc, self.fields)) for doc in self._rows("docs"))

    def queries(self) -> Queries:
        """Load the queries that are judged; DataError where one of them is missing."""
        wanted = set(self.qrels().query_ids)
        queries = Queries.of((row.query_id, _query(row)) for row in self._rows("queries") if row.query_id in wanted)
        if missing := sorted(wanted.difference(queries.ids)):
            raise DataError(f"{self.id!r} judges {len(missing)} queries that it lacks, {missing[0]!r} among them")
        return queries

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        wanted = set(self.qrels().query_ids)
        return sum(row.query_id not in wanted for row in self._rows("queries"))

    def qrels(self) -> Qrels:
        """Load the judgements."""
        return Qrels.of(Judgement(row.query_id, row.doc_id, row.relevance) for row in self._rows("qrels"))

    def notes(self) -> list[str]:
        """Say what the settings change of the collection as it was published."""
        if not self.fields:
            return []
        return [f"the text of a document of {self.id} is made of: {', '.join(self.fields)}"]

    def _load(self) -> Any:
        """Return the library's object; UnknownName for another id, UserError where a part is not published."""
        library = _library()
        try:
            data = library.load(self.id)
        except KeyError:
            raise UnknownName(f"ir_datasets knows no {self.id!r}; {nearest(self.id, library.registry)}") from None
        lacks = [part for part in PARTS if not data.has(part)]
        if lacks:
            below = [name for name in library.registry if name.startswith(f"{self.id}/")]
            whole = [name for name in below if all(library.registry[name].has(part) for part in PARTS)]
            raise UserError(f"{self.id!r} of ir_datasets has no {' and no '.join(lacks)}; {nearest(self.id, whole)}")
        return data

    def _rows(self, part: str) -> Iterator[Any]:
        """Give the library's rows; whatever it raises becomes one UserError. Bars it draws as it starts are unseen."""
        data = self._load()
        try:
            with redirect_stderr(io.StringIO()):
                rows = iter(getattr(data, f"{part}_iter")())
                first = next(rows, None)
            if first is not None:
                yield first
                yield from rows
        except Exception as error:  # it may raise anything: of the network, of archives, its own assertions
            reason = (str(error).splitlines() or [""])[0][:200]
            raise UserError(
                f"ir_datasets cannot give the {part} of {self.id!r} ({type(error).__name__}: {reason}); "
                f"how to get them: https://ir-datasets.com/{self.id.split('/')[0]}.html, its home is {_home()}"
            ) from error

    def _files(self) -> list[Path]:
        """What the home holds for this id and those above it, without opening anything."""
        parts = self.id.split("/")
        folders = [_home().joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
        found = (file for folder in folders for inside in (folder, folder / STORE) for file in inside.glob("*"))
        return sorted(file for file in found if file.is_file())


def _holds_documents(file: Path) -> bool:
    if file.parent.name == STORE:
        return file.name == "bin.pos" and file.stat().st_size > 0  # written last, and empty after a failed download
    return not any(word in file.name for word in NOT_DOCUMENTS)


def _tells_text(fields: tuple[str, ...], kind: type) -> bool:
    return hasattr(kind, "default_text") or "text" in fields


def _document(row: Any, fields: tuple[str, ...]) -> str:
    """Return a document's text: of the fields, else as the library says, else title and text."""
    if fields:
        return " ".join(_plain(getattr(row, field)) for field in fields).strip()
    if hasattr(row, "default_text"):
        return str(row.default_text()).strip()
    return document_text(getattr(row, "title", None), row.text)


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _query(row: Any) -> str:
    """Return a query's text as the library says, else its text or its title."""
    if hasattr(row, "default_text"):
        return str(row.default_text()).strip()
    for field in ("text", "title", "query"):
        if hasattr(row, field):
            return str(getattr(row, field)).strip()
    raise UserError(f"a query has no text, only {', '.join(row._fields)}")


def _home() -> Path:
    """Where the library keeps its files."""
    return Path(os.environ.get("IR_DATASETS_HOME") or Path.home() / ".ir_datasets")


def _version() -> str | None:
    """Return the version of the library without importing it; None where it is not installed."""
    try:
        return version("ir_datasets")
    except PackageNotFoundError:
        return None


def _library() -> Any:
    """Import the library and quieten it; MissingLibrary or UserError where that fails."""
    os.environ.setdefault("IR_DATASETS_DL_DISABLE_PBAR", "true")
    try:
        import ir_datasets
    except ImportError:
        raise MissingLibrary("ir_datasets", "ir", "the source ir_datasets") from None
    except OSError as error:  # it makes folders in its home as it is imported
        raise UserError(f"ir_datasets cannot use its home {_home()}: {error}") from None
    ir_datasets.log.easy().logger()  # it sets its level when first asked, once
    logging.getLogger("ir_datasets").setLevel(logging.CRITICAL)
    return ir_datasets
