"""The source `beir`: a collection in the BEIR layout, in a folder or a zip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.datasets.readers.entries import (
    Entry,
    Judged,
    count_unjudged,
    json_objects,
    kind,
    load_corpus,
    load_qrels,
    load_queries,
    refuse_half_characters,
)
from harness.datasets.readers.folders import File, Folder, lines
from harness.errors import nearest
from harness.fingerprint import fingerprint

READER = 1
"""The version of the reader; increase it when the same files are read as other texts or judgements."""
HEADINGS = {"score", "grade", "relevance", "label", "rel"}
"""The names by which the third column of a header line is recognised; BEIR writes `query-id corpus-id score`."""
INTEGER = re.compile(r"\s*[+-]?[0-9]{1,9}\s*", re.ASCII)


class Beir(Dataset):
    """Reads a collection in the BEIR layout: corpus.jsonl, queries.jsonl and qrels/<split>.tsv.

    `path` is the folder, or a zip of it, and `split` names the file in `qrels`; each file may be gzipped. If a zip has
    several collections, `path` continues inside it: `cqadupstack.zip/cqadupstack/android`.
    """

    path: Path
    split: str = "test"

    @property
    def revision(self) -> str:
        """A fingerprint of the stamps of the three files, or of the archive."""
        files = [self._file("corpus.jsonl"), self._file("queries.jsonl"), self._qrels_file]
        return fingerprint(["beir", READER, *(file.stamp for file in files)])

    def corpus(self) -> Corpus:
        """Load the documents, in bounded memory."""
        file = self._file("corpus.jsonl")
        return load_corpus(lambda: _entries(file, titled=True), str(file))

    def queries(self) -> Queries:
        """Load the queries that the split judges; DataError if one of them is missing."""
        judged, file = set(self.qrels().query_ids), self._file("queries.jsonl")
        return load_queries(_entries(file, titled=False), judged, file, f"the split {self.split!r}")

    def unjudged_queries(self) -> int:
        """Count the queries that the split does not judge."""
        return count_unjudged(_entries(self._file("queries.jsonl"), titled=False), set(self.qrels().query_ids))

    def qrels(self) -> Qrels:
        """Load the judgements of the split."""
        return load_qrels(_judgements(self._qrels_file), self._qrels_file)

    @property
    def _qrels_file(self) -> File:
        return self._file(f"qrels/{self.split}.tsv")

    def _file(self, name: str) -> File:
        return Folder.at(self.path).file(name)


def _entries(file: File, *, titled: bool) -> Iterator[Entry]:
    """Yield one entry per line, with title and text joined if `titled`; DataError with file and line for damage."""
    for number, row in json_objects(file, "an object with '_id' and 'text'"):
        try:
            key, text = _entry(row, titled=titled)
        except ValueError as error:
            raise file.refuse(str(error), number) from None
        yield Entry(key, text, file, number)


def _entry(row: dict[str, Any], *, titled: bool) -> tuple[str, str]:
    """Return the id and the text of one object; ValueError if either is missing or not a string."""
    for field in ("_id", "text"):
        if field not in row:
            raise ValueError(f"the field {field!r} is missing; {nearest(field, row)}")
    key, title, text = row["_id"], row.get("title") if titled else None, row["text"]
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    for field, value in (("_id", key), ("title", "" if title is None else title), ("text", text)):
        if not isinstance(value, str):
            raise ValueError(f"the field {field!r} must be a string, found {kind(value)}")
    if not key:
        raise ValueError("the field '_id' is empty")
    text = document_text(title, text)
    refuse_half_characters(key, text)
    return key, text


def _judgements(file: File) -> Iterator[Judged]:
    """Yield one judgement per line, without the header; DataError with file and line for damage."""
    for number, line in lines(file):
        columns = line.split("\t")
        if len(columns) != 3:
            message = f"expected 3 columns separated by tabs (query, document, grade), found {len(columns)}"
            raise file.refuse(message, number)
        query, document, grade = columns
        if number == 1 and grade.strip().lower() in HEADINGS:
            continue
        if not INTEGER.fullmatch(grade):
            raise file.refuse(f"the grade must be a whole number, found {grade!r}", number)
        if not query or not document:
            raise file.refuse("an id is empty", number)
        yield Judged(Judgement(query, document, int(grade)), number)
