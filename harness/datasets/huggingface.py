"""A collection in the layout of the hub: configurations for corpus, queries and qrels, in a repository or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.datasets.readers.hub import (
    cached_commit,
    datasets_version,
    grade,
    is_cached,
    key,
    library,
    quiet,
    reason,
    refuse_missing,
    resolved,
    rows,
)
from harness.errors import DataError, UserError, nearest, relative
from harness.fingerprint import fingerprint, stamp

READER = 1
"""Raise it when the same files come to be read as other texts or judgements."""
PartName = Literal["corpus", "queries", "qrels"]
CONFIGS: dict[PartName, tuple[str, ...]] = {
    "corpus": ("corpus",),
    "queries": ("queries", "query"),
    "qrels": ("qrels", "default"),
}
"""What the configurations of each part are called, the likeliest first."""
COLUMNS: dict[PartName, dict[str, tuple[str, ...]]] = {
    "corpus": {"id": ("_id", "id"), "title": ("title",), "text": ("text",)},
    "queries": {"id": ("_id", "id"), "text": ("text",)},
    "qrels": {"query": ("query-id", "query_id"), "document": ("corpus-id", "corpus_id"), "grade": ("score",)},
}
"""What the columns of each part are called; only `title` may be missing."""


class Part(BaseModel):
    """What one part says of itself where it is not as usual; `columns` name columns by what they hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    """Another repository, as `BeIR/scifact-qrels` beside `BeIR/scifact`."""
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class Opened(NamedTuple):
    """A part that is read: its rows, the names of its columns by what they hold, and what it is called in errors."""

    data: Any
    columns: dict[str, str]
    title: str


class HuggingFace(Dataset):
    """`id` is a repository of data sets on the hub, or `path` a folder that the library `datasets` can read.

    `revision` is the commit; without it the data are unpinned, and said to be. `split` is that of the judgements.
    `parts` says what is not as usual of `corpus`, `queries` or `qrels`: `config`, `split`, `columns`, and `id` and
    `revision` where a part has a repository of its own.
    """

    brief: ClassVar[tuple[str, ...]] = ("id", "split")
    id: str | None = None
    path: Path | None = None
    commit: str | None = Field(default=None, alias="revision")
    split: str = "test"
    parts: dict[PartName, Part] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> HuggingFace:
        if (self.id is None) == (self.path is None):
            raise UserError("say either 'id', a repository on the hub, or 'path', a folder")
        if self.path is not None and self.commit is not None:
            raise UserError("'revision' is for a repository; a folder is named by its content")
        for name, part in self.parts.items():
            for word in part.columns:
                if word not in COLUMNS[name]:
                    raise UserError(f"{name} has no column for {word!r}; {nearest(word, COLUMNS[name])}")
        return self

    @property
    def revision(self) -> str:
        """The settings, the library's version, and the commits of the repositories or the stamps of the files."""
        settings = self.model_dump(mode="json")
        commits = [self._pin(name) or cached_commit(self._repository(name)) for name in CONFIGS]
        return fingerprint(
            ["huggingface", READER, datasets_version(), settings, commits, [stamp(file) for file in self._files]]
        )

    @property
    def at_hand(self) -> bool:
        """Whether it is a folder, or the hub's cache holds the commits, as far as the names of folders tell."""
        if self.path is not None and not any(part.id for part in self.parts.values()):
            return True
        return all(is_cached(self._repository(name), self._pin(name)) for name in CONFIGS)

    def corpus(self) -> Corpus:
        """Load the documents."""
        part = self._open("corpus")
        titled = "title" in part.columns
        names = [part.columns[word] for word in ("id", "text", "title") if word in part.columns]

        def pairs() -> Iterator[tuple[str, str]]:
            for row, (id_, text, *title) in enumerate(rows(part.data, names), 1):
                yield key(id_, part.title, row), _text(title[0] if titled else None, text, part.title, row)

        return Corpus.of(pairs())

    def queries(self) -> Queries:
        """Load the queries that the split judges; DataError where one of them is missing."""
        wanted, part = set(self.qrels().query_ids), self._open("queries")
        queries = Queries.of((id_, text) for id_, text in self._query_pairs() if id_ in wanted)
        if missing := sorted(wanted.difference(queries.ids)):
            raise DataError(
                f"{part.title}: {len(missing)} of the {len(wanted)} queries that the split {self.split!r} judges are "
                f"not here, {missing[0]!r} among them"
            )
        return queries

    def unjudged_queries(self) -> int:
        """Count the queries that the split does not judge."""
        wanted = set(self.qrels().query_ids)
        return sum(id_ not in wanted for id_, _ in self._query_pairs())

    def _query_pairs(self) -> Iterator[tuple[str, str]]:
        part = self._open("queries")
        for row, (id_, text) in enumerate(_rows(part, "id", "text"), 1):
            yield key(id_, part.title, row), _text(None, text, part.title, row)

    def qrels(self) -> Qrels:
        """Load the judgements of the split."""
        part = self._open("qrels")
        return Qrels.of(
            Judgement(key(query, part.title, row), key(document, part.title, row), grade(score, part.title, row))
            for row, (query, document, score) in enumerate(_rows(part, "query", "document", "grade"), 1)
        )

    def origin(self) -> dict[str, Any]:
        """Return repository and commit of each part; nothing for a folder, which is named by its content."""
        return {
            name: {
                "repository": self._repository(name),
                "revision": self._commits[name],
                "pinned": bool(self._pin(name)),
            }
            for name in CONFIGS
            if self._repository(name) is not None
        }

    def notes(self) -> list[str]:
        """Name the commits, and say which nobody pinned."""
        found: dict[str, set[str]] = {}
        for about in self.origin().values():
            commit = about["revision"] or "a commit that is not known"
            loose = "" if about["pinned"] else ", unpinned: give its revision, so that nobody gets other data"
            found.setdefault(about["repository"], set()).add(f"{commit}{loose}")
        return [
            f"{repository} at {commit}" + (" (more than one revision)" if len(commits) > 1 else "")
            for repository, commits in found.items()
            for commit in sorted(commits)
        ]

    def _repository(self, name: PartName) -> str | None:
        part = self.parts.get(name)
        return part.id if part and part.id else self.id

    def _pin(self, name: PartName) -> str | None:
        """Return the commit that the suite says."""
        part = self.parts.get(name)
        return part.revision if part and (part.id or part.revision) else self.commit

    @property
    def _files(self) -> list[Path]:
        if self.path is None:
            return []
        if not self.path.is_dir():
            near = nearest(self.path.name, (p.name for p in self.path.parent.glob("*") if p.is_dir()))
            raise UserError(f"there is no folder {relative(self.path)}; {near}")
        return sorted(file for file in self.path.rglob("*") if file.is_file() and not file.name.startswith("."))

    @cached_property
    def _commits(self) -> dict[PartName, str | None]:
        """The commit of each part, resolved once: the one that is said, the cached one, or the newest."""
        return {name: self._pin(name) or resolved(self._repository(name)) for name in CONFIGS}

    def _open(self, name: PartName) -> Opened:
        """Open a part. UserError for a configuration, split or column that is not there, and what cannot be read."""
        place = self._repository(name) or relative(self._folder)
        title = f"the {name} of {place}"
        try:
            with quiet():
                return self._find(name, title)
        except UserError:
            raise
        except Exception as error:  # the library may raise anything: of the network, of a format, of its own cache
            raise UserError(f"{title} cannot be read: {reason(error)}") from error

    @property
    def _folder(self) -> Path:
        assert self.path is not None  # noqa: S101  `_one_place` saw to it
        return self.path

    def _find(self, name: PartName, title: str) -> Opened:
        hub, part = library("the source huggingface"), self.parts.get(name, Part())
        repository, commit = self._repository(name), self._commits[name]
        place = repository or str(self._folder)
        wanted = [part.config] if part.config else list(CONFIGS[name])
        inside = [] if repository else [word for word in wanted if (self._folder / word).is_dir()]
        configs = [] if not repository and not self._files else hub.get_dataset_config_names(place, revision=commit)
        config = next((word for word in wanted if word in configs), None)
        if inside and (config is None or config == "default"):
            place, config = str(self._folder / inside[0]), "default"
        if config is None:
            raise UserError(f"{title}: there is no configuration {wanted[0]!r}; {nearest(wanted[0], configs)}")
        splits = [str(split) for split in hub.get_dataset_split_names(place, config, revision=commit)]
        split = self._split(name, part, splits, title)
        data = hub.load_dataset(place, config, split=split, revision=commit)
        return Opened(data, _columns(name, part, data.column_names, title), title)

    def _split(self, name: PartName, part: Part, splits: list[str], title: str) -> str:
        """Choose a split: corpus and queries may have one of their own; the judgements must have the one asked."""
        said = part.split or self.split
        if said in splits:
            return said
        if len(splits) == 1 and part.split is None and name != "qrels":
            return splits[0]
        raise UserError(f"{title}: there is no split {said!r}; {nearest(said, splits)}")


def _columns(name: PartName, part: Part, there: list[str], title: str) -> dict[str, str]:
    """Return the column of each thing a part holds. DataError where one is not there."""
    refuse_missing(there, list(part.columns.values()), title)
    found = dict(part.columns)
    for word, usual in COLUMNS[name].items():
        if word not in found:
            here = next((column for column in usual if column in there), None)
            if here is None and word != "title":
                refuse_missing(there, [usual[0]], f"{title}, {word}")
            if here is not None:
                found[word] = here
    return found


def _rows(part: Opened, *words: str) -> Iterator[tuple[Any, ...]]:
    return rows(part.data, [part.columns[word] for word in words])


def _text(title: Any, text: Any, what: str, row: int) -> str:
    for value in (title, text):
        if not isinstance(value, str | None):
            raise DataError(f"{what}, row {row}: expected a text, found {value!r}")
    if text is None:
        raise DataError(f"{what}, row {row}: the text is missing")
    return document_text(title, text)
