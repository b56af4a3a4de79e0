"""A collection in the layouts of TREC: tagged documents or `docno<tab>text`, topics, and judgements in four columns."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from harness.artifacts.judgements import Qrels
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.trec.read import read_qrels
from harness.datasets.base import Dataset
from harness.datasets.readers import trec_text as tagged
from harness.datasets.readers.entries import Entry, count_unjudged, load_corpus, load_queries
from harness.datasets.readers.folders import File, lines
from harness.errors import UserError, nearest, relative
from harness.fingerprint import fingerprint

READER = 1
"""Raise it when the same files come to be read as other texts or judgements."""
STEMS = {
    "documents": ("documents", "docs", "corpus", "collection"),
    "topics": ("topics", "queries"),
    "qrels": ("qrels", "judgements"),
}
"""How what lies in a folder may be called, up to the first dot."""
PACKED = {".z", ".zip", ".bz2", ".tar", ".tgz", ".xz", ".7z"}


class Trec(Dataset):
    """`documents` is a file, a folder of files or a pattern (`disk4/*/*.gz`), `topics` and `qrels` are files.

    They begin at `path`, or at the suite, and what is called as usual in `path` need not be said. `query` names the
    fields of a topic that make the query (`title` unless said otherwise), `text` the tags that make a document's text.
    """

    brief: ClassVar[tuple[str, ...]] = ("path",)

    path: Path
    documents: str | None = None
    topics: str | None = None
    qrels_file: str | None = Field(default=None, alias="qrels")
    query: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    encoding: str = "utf-8"
    """Of documents and topics."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            usable = "\n<".encode(name) == b"\n<"
        except LookupError:
            usable = False
        if not usable:
            raise ValueError("this is no encoding that keeps ASCII as it is, as utf-8 and latin-1 do")
        return codecs.lookup(name).name

    @classmethod
    def located(cls, settings: dict[str, Any], base: Path) -> dict[str, Any]:
        """Make the folder absolute: `path`, else where the suite is."""
        return super().located({"path": ".", **settings}, base)

    @property
    def revision(self) -> str:
        """The settings and the stamps of all files."""
        files = [*self._documents(), self._topics(), File(self._place("qrels"))]
        return fingerprint(["trec", READER, self.model_dump(mode="json"), [file.stamp for file in files]])

    def corpus(self) -> Corpus:
        """Load the documents, in bounded memory; UserError where no document has a tag that `text` names."""
        corpus = load_corpus(self._entries, relative(self._place("documents")))
        if self.text:
            self._check_fields()
        return corpus

    def queries(self) -> Queries:
        """Load the topics that are judged; one is known without its leading zeros as well (051 as 51)."""
        wanted = set(self.qrels().query_ids)
        return load_queries(self._topic_entries(wanted), wanted, self._topics(), relative(self._place("qrels")))

    def unjudged_queries(self) -> int:
        """Count the topics that are not judged."""
        wanted = set(self.qrels().query_ids)
        return count_unjudged(self._topic_entries(wanted), wanted)

    def qrels(self) -> Qrels:
        """Load the judgements."""
        return read_qrels(self._place("qrels"))

    def notes(self) -> list[str]:
        """Say what makes the queries, and the texts where that is not as usual."""
        notes = [f"the query is of the topic's {' and '.join(self.query)}"] if self.query else []
        if self.text:
            notes.append(f"the text of a document is made of: {', '.join(self.text)}")
        return notes

    def _topic_entries(self, wanted: set[str]) -> list[Entry]:
        """Return every topic, under the id by which the judgements know it."""
        file = self._topics()
        entries = list(_tsv(file, "topic", self.encoding) if not _is_tagged(file, self.encoding) else self._tagged())
        missing = wanted.difference(entry.id for entry in entries)
        return [entry._replace(id=bare) if (bare := entry.id.lstrip("0")) in missing else entry for entry in entries]

    def _tagged(self) -> Iterator[Entry]:
        file = self._topics()
        for topic in tagged.topics(file, self.encoding):
            yield Entry(topic.id, tagged.topic_text(file, topic, self.query), file, topic.line)

    def _entries(self) -> Iterator[Entry]:
        """Give every document of every file."""
        for file in self._documents():
            if not _is_tagged(file, self.encoding):
                yield from _tsv(file, "docno", self.encoding)
                continue
            for block in tagged.blocks(file, "doc", self.encoding):
                text = tagged.document_text(block, self.text)
                yield Entry(tagged.document_id(file, block), text, file, block.line)

    def _check_fields(self) -> None:
        wanted, there = {name.upper() for name in self.text}, set[str]()
        for file in self._documents():
            for block in tagged.blocks(file, "doc", self.encoding) if _is_tagged(file, self.encoding) else ():
                there |= tagged.field_names(block)
                if wanted <= there:
                    return
        missing = sorted(wanted - there)[0]
        raise UserError(f"no document has a <{missing}>, which `text` names; {nearest(missing, there)}")

    def _documents(self) -> list[File]:
        """Find the files of documents, in a fixed order; what is packed otherwise than by gzip is refused."""
        place = self._place("documents")
        if place.is_dir():
            paths = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
        elif place.is_file():
            paths = [place]
        else:
            top = Path(place.anchor)
            paths = sorted(path for path in top.glob(str(place.relative_to(top))) if path.is_file())
        for path in paths:
            if path.suffix.lower() in PACKED:
                raise UserError(f"{relative(path)} is packed as {path.suffix}; expected plain text or gzip")
        if not paths:
            raise UserError(f"there is no file of documents in {relative(place)}")
        return [File(path) for path in paths]

    def _topics(self) -> File:
        return File(self._place("topics"))

    def _place(self, part: str) -> Path:
        """Find a part; UserError with what is there, and where more than one may be meant."""
        said = self.qrels_file if part == "qrels" else getattr(self, part)
        if said is not None:
            place = self.path / Path(said).expanduser()
            if place.is_file() or (part == "documents" and (place.is_dir() or "*" in said)):
                return place
            beside = [other.name for other in place.parent.glob("*")] if place.parent.is_dir() else []
            raise UserError(f"{part}: {relative(place)} is not there; {nearest(place.name, beside)}")
        if not self.path.is_dir():
            raise UserError(f"{relative(self.path)} is not a folder")
        there = sorted(self.path.iterdir())
        found = [one for one in there if one.name.lower().split(".")[0] in STEMS[part]]
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(one.name for one in found)
            raise UserError(
                f"{both} in {relative(self.path)} may each be the {part}; say which: {part}: {found[0].name}"
            )
        hint = nearest(part, [one.name for one in there])
        raise UserError(f"no {part} in {relative(self.path)}: say which it is (`{part}: NAME`); {hint}")


def _is_tagged(file: File, encoding: str) -> bool:
    """Tell whether the first line that is not blank begins with a tag; DataError where there is none."""
    for _, line in lines(file, encoding):
        return line.lstrip().startswith("<")
    raise file.refuse("the file is empty")


def _tsv(file: File, what: str, encoding: str) -> Iterator[Entry]:
    """Give `id<tab>text`, one a line."""
    for number, line in lines(file, encoding):
        columns = line.split("\t")
        if len(columns) != 2 or not columns[0].strip():
            hint = f"expected 2 columns parted by a tab ({what}, text), found {len(columns)}"
            raise file.refuse(hint if len(columns) != 2 else f"the {what} is empty", number)
        yield Entry(columns[0].strip(), columns[1].strip(), file, number)
