"""The source `ir_datasets`: a collection that this library downloads, verifies and keeps in its home folder."""

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
"""The version of the reader; increase it when the same collection is read as other texts or judgements."""
PARTS = ("docs", "queries", "qrels")
STORE = "docs.pklz4"
"""The folder in which the library keeps unpacked documents."""
NOT_DOCUMENTS = ("irds_version", "quer", "qrel", "topic", "tmp")
"""Parts of the names of the other files in its home folder."""


class IrDatasets(Dataset):
    """Reads a collection of the library ir_datasets, which downloads and verifies the files.

    `id` is the library's id of a collection with documents, queries and judgements. `fields` names the fields that form
    a document's text, in this order; by default the text is the library's `default_text()`, or title and text.
    """

    brief: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    fields: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """A fingerprint of the settings, the version of the library and the stamps of its files for this collection."""
        settings = self.model_dump(mode="json")
        return fingerprint(["ir_datasets", READER, _version(), settings, [stamp(file) for file in self._files()]])

    @property
    def at_hand(self) -> bool:
        """Whether the library is installed and has the documents in its home folder, judging by file names."""
        return _version() is not None and any(map(_holds_documents, self._files()))

    def corpus(self) -> Corpus:
        """Load the documents."""
        known = self._load().docs_cls()._fields
        for field in self.fields:
            if field not in known:
                raise UserError(f"a document of {self.id!r} has no field {field!r}; {nearest(field, known)}")
        if not self.fields and not _has_text(known, self._load().docs_cls()):
            raise UserError(
                f"name the fields that form the text of a document of {self.id!r}: `fields` of {list(known)}"
            )
        return Corpus.of((doc.doc_id, _document(doc, self.fields)) for doc in self._rows("docs"))

    def queries(self) -> Queries:
        """Load the queries that are judged; DataError if one of them is missing."""
        judged = set(self.qrels().query_ids)
        queries = Queries.of((row.query_id, _query(row)) for row in self._rows("queries") if row.query_id in judged)
        if missing := sorted(judged.difference(queries.ids)):
            raise DataError(
                f"{len(missing)} of the {len(judged)} judged queries of {self.id!r} are missing, such as {missing[0]!r}"
            )
        return queries

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        wanted = set(self.qrels().query_ids)
        return sum(row.query_id not in wanted for row in self._rows("queries"))

    def qrels(self) -> Qrels:
        """Load the judgements."""
        return Qrels.of(Judgement(row.query_id, row.doc_id, row.relevance) for row in self._rows("qrels"))

    def notes(self) -> list[str]:
        """Return which fields form the texts, where that is not the default."""
        if not self.fields:
            return []
        return [f"the text of a document of {self.id} consists of: {', '.join(self.fields)}"]

    def _load(self) -> Any:
        """Return the library's object; UnknownName for an unknown id, UserError if a part is not published."""
        library = _library()
        try:
            data = library.load(self.id)
        except KeyError:
            raise UnknownName(
                f"ir_datasets has no collection {self.id!r}; {nearest(self.id, library.registry)}"
            ) from None
        missing = [part for part in PARTS if not data.has(part)]
        if missing:
            below = [name for name in library.registry if name.startswith(f"{self.id}/")]
            complete = [name for name in below if all(library.registry[name].has(part) for part in PARTS)]
            raise UserError(
                f"{self.id!r} of ir_datasets has no {' and no '.join(missing)}; {nearest(self.id, complete)}"
            )
        return data

    def _rows(self, part: str) -> Iterator[Any]:
        """Yield the library's rows, without its first progress bars; whatever it raises becomes one UserError."""
        data = self._load()
        try:
            with redirect_stderr(io.StringIO()):
                rows = iter(getattr(data, f"{part}_iter")())
                first = next(rows, None)
            if first is not None:
                yield first
                yield from rows
        except Exception as error:  # network, archives and assertions may raise anything
            reason = (str(error).splitlines() or [""])[0][:200]
            raise UserError(
                f"ir_datasets cannot load the {part} of {self.id!r} ({type(error).__name__}: {reason}); "
                f"see https://ir-datasets.com/{self.id.split('/')[0]}.html; its home folder is {_home()}"
            ) from error

    def _files(self) -> list[Path]:
        """Return the files in the home folder for this id and the ids above it, without opening any."""
        parts = self.id.split("/")
        folders = [_home().joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
        paths = (path for folder in folders for inside in (folder, folder / STORE) for path in inside.glob("*"))
        return sorted(path for path in paths if path.is_file())


def _holds_documents(file: Path) -> bool:
    if file.parent.name == STORE:
        return file.name == "bin.pos" and file.stat().st_size > 0  # written last, and empty after a failed download
    return not any(part in file.name for part in NOT_DOCUMENTS)


def _has_text(fields: tuple[str, ...], kind: type) -> bool:
    return hasattr(kind, "default_text") or "text" in fields


def _document(row: Any, fields: tuple[str, ...]) -> str:
    """Return a document's text: the given fields, or the library's `default_text()`, or title and text."""
    if fields:
        return " ".join(_plain(getattr(row, field)) for field in fields).strip()
    if hasattr(row, "default_text"):
        return str(row.default_text()).strip()
    return document_text(getattr(row, "title", None), row.text)


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _query(row: Any) -> str:
    """Return a query's text: the library's `default_text()`, or its text or title; UserError if it has none."""
    if hasattr(row, "default_text"):
        return str(row.default_text()).strip()
    for field in ("text", "title", "query"):
        if hasattr(row, field):
            return str(getattr(row, field)).strip()
    raise UserError(f"a query has no text; its fields are {', '.join(row._fields)}")


def _home() -> Path:
    """Return the folder in which the library keeps its files."""
    return Path(os.environ.get("IR_DATASETS_HOME") or Path.home() / ".ir_datasets")


def _version() -> str | None:
    """Return the version of the library without importing it; None if it is not installed."""
    try:
        return version("ir_datasets")
    except PackageNotFoundError:
        return None


def _library() -> Any:
    """Import the library and silence its log; MissingLibrary if it is not installed, UserError if its import fails."""
    os.environ.setdefault("IR_DATASETS_DL_DISABLE_PBAR", "true")
    try:
        import ir_datasets
    except ImportError:
        raise MissingLibrary("ir_datasets", "ir", "the source ir_datasets") from None
    except OSError as error:  # the import creates folders in its home
        raise UserError(f"ir_datasets cannot use its home folder {_home()}: {error}") from None
    ir_datasets.log.easy().logger()  # sets its level on first use, once
    logging.getLogger("ir_datasets").setLevel(logging.CRITICAL)
    return ir_datasets
