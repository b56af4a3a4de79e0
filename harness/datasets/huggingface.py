"""The source `huggingface`: a data set repository, or a folder, with configurations for corpus, queries and qrels."""

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
"""The version of the reader; increase it when the same files are read as other texts or judgements."""
PartName = Literal["corpus", "queries", "qrels"]
CONFIGS: dict[PartName, tuple[str, ...]] = {
    "corpus": ("corpus",),
    "queries": ("queries", "query"),
    "qrels": ("qrels", "default"),
}
"""The usual configurations of each part, the most likely first."""
COLUMNS: dict[PartName, dict[str, tuple[str, ...]]] = {
    "corpus": {"id": ("_id", "id"), "title": ("title",), "text": ("text",)},
    "queries": {"id": ("_id", "id"), "text": ("text",)},
    "qrels": {"query": ("query-id", "query_id"), "document": ("corpus-id", "corpus_id"), "grade": ("score",)},
}
"""The usual columns of each part; only `title` is optional."""


class Part(BaseModel):
    """The settings of one part that differ from the usual; `columns` maps a field to its column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    """A repository of its own, such as `BeIR/scifact-qrels` for `BeIR/scifact`."""
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class Opened(NamedTuple):
    """A part of a data set that is open."""

    data: Any
    """The rows, a `datasets.Dataset`."""
    columns: dict[str, str]
    """The column of each field."""
    title: str
    """The name of the part in errors."""


class HuggingFace(Dataset):
    """Reads a data set repository on the Hugging Face hub, or a folder in the same layout.

    `id` is the repository, or `path` a folder that the library `datasets` can read. `revision` is the commit; without
    it the data are reported as unpinned. `split` is the split of the judgements. `parts` has what differs from the
    usual for `corpus`, `queries` or `qrels`: `config`, `split`, `columns`, and `id` and `revision` for a part with a
    repository of its own.
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
            raise UserError("set either 'id', a repository on the hub, or 'path', a folder")
        if self.path is not None and self.commit is not None:
            raise UserError("'revision' is for a repository; a folder is identified by its content")
        for name, part in self.parts.items():
            for field in part.columns:
                if field not in COLUMNS[name]:
                    raise UserError(f"{name} has no field {field!r}; {nearest(field, COLUMNS[name])}")
        return self

    @property
    def revision(self) -> str:
        """A fingerprint of the settings, the version of `datasets`, and the commits or the stamps of the files."""
        settings = self.model_dump(mode="json")
        commits = [self._pin(name) or cached_commit(self._repository(name)) for name in CONFIGS]
        return fingerprint(
            ["huggingface", READER, datasets_version(), settings, commits, [stamp(file) for file in self._files]]
        )

    @property
    def at_hand(self) -> bool:
        """Whether it is a folder, or the hub's cache has the commits, judging by folder names."""
        if self.path is not None and not any(part.id for part in self.parts.values()):
            return True
        return all(is_cached(self._repository(name), self._pin(name)) for name in CONFIGS)

    def corpus(self) -> Corpus:
        """Load the documents."""
        part = self._open("corpus")
        titled = "title" in part.columns
        names = [part.columns[field] for field in ("id", "text", "title") if field in part.columns]

        def pairs() -> Iterator[tuple[str, str]]:
            for row, (id_, text, *title) in enumerate(rows(part.data, names), 1):
                yield key(id_, part.title, row), _text(title[0] if titled else None, text, part.title, row)

        return Corpus.of(pairs())

    def queries(self) -> Queries:
        """Load the queries that the split judges; DataError if one of them is missing."""
        judged, part = set(self.qrels().query_ids), self._open("queries")
        queries = Queries.of((id_, text) for id_, text in self._query_pairs() if id_ in judged)
        if missing := sorted(judged.difference(queries.ids)):
            raise DataError(
                f"{part.title}: {len(missing)} of the {len(judged)} queries that the split {self.split!r} judges are "
                f"missing, such as {missing[0]!r}"
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
        """Return the repository and commit of each part; empty for a folder, which is identified by its content."""
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
        """Return the commit of each repository, and whether it is pinned."""
        commits_of: dict[str, set[str]] = {}
        for about in self.origin().values():
            commit = about["revision"] or "an unknown commit"
            unpinned = "" if about["pinned"] else ", unpinned: set `revision`, so that the data cannot change"
            commits_of.setdefault(about["repository"], set()).add(f"{commit}{unpinned}")
        return [
            f"{repository} at {commit}" + (" (more than one revision)" if len(commits) > 1 else "")
            for repository, commits in commits_of.items()
            for commit in sorted(commits)
        ]

    def _repository(self, name: PartName) -> str | None:
        part = self.parts.get(name)
        return part.id if part and part.id else self.id

    def _pin(self, name: PartName) -> str | None:
        """Return the commit that the suite sets for a part."""
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
        """The commit of each part, resolved once: the one set in the suite, the cached one, or the newest."""
        return {name: self._pin(name) or resolved(self._repository(name)) for name in CONFIGS}

    def _open(self, name: PartName) -> Opened:
        """Open a part; UserError for a missing configuration, split or column, and for data that cannot be read."""
        place = self._repository(name) or relative(self._folder)
        title = f"the {name} of {place}"
        try:
            with quiet():
                return self._find(name, title)
        except UserError:
            raise
        except Exception as error:  # network, formats and the cache may raise anything
            raise UserError(f"{title} cannot be read: {reason(error)}") from error

    @property
    def _folder(self) -> Path:
        assert self.path is not None  # noqa: S101  checked by `_one_place`
        return self.path

    def _find(self, name: PartName, title: str) -> Opened:
        hub, part = library("the source huggingface"), self.parts.get(name, Part())
        repository, commit = self._repository(name), self._commits[name]
        place = repository or str(self._folder)
        usual = [part.config] if part.config else list(CONFIGS[name])
        folders = [] if repository else [folder for folder in usual if (self._folder / folder).is_dir()]
        configs = [] if not repository and not self._files else hub.get_dataset_config_names(place, revision=commit)
        config = next((config for config in usual if config in configs), None)
        if folders and (config is None or config == "default"):
            place, config = str(self._folder / folders[0]), "default"
        if config is None:
            raise UserError(f"{title}: there is no configuration {usual[0]!r}; {nearest(usual[0], configs)}")
        splits = [str(split) for split in hub.get_dataset_split_names(place, config, revision=commit)]
        split = self._split(name, part, splits, title)
        data = hub.load_dataset(place, config, split=split, revision=commit)
        return Opened(data, _columns(name, part, data.column_names, title), title)

    def _split(self, name: PartName, part: Part, splits: list[str], title: str) -> str:
        """Return the split to read: the one set in the suite, or the only one of the corpus or the queries."""
        wanted = part.split or self.split
        if wanted in splits:
            return wanted
        if len(splits) == 1 and part.split is None and name != "qrels":
            return splits[0]
        raise UserError(f"{title}: there is no split {wanted!r}; {nearest(wanted, splits)}")


def _columns(name: PartName, part: Part, columns: list[str], title: str) -> dict[str, str]:
    """Return the column of each field of a part; DataError if one is missing."""
    refuse_missing(columns, list(part.columns.values()), title)
    chosen = dict(part.columns)
    for field, usual in COLUMNS[name].items():
        if field not in chosen:
            found = next((column for column in usual if column in columns), None)
            if found is None and field != "title":
                refuse_missing(columns, [usual[0]], f"{title}, {field}")
            if found is not None:
                chosen[field] = found
    return chosen


def _rows(part: Opened, *fields: str) -> Iterator[tuple[Any, ...]]:
    return rows(part.data, [part.columns[field] for field in fields])


def _text(title: Any, text: Any, what: str, row: int) -> str:
    for value in (title, text):
        if not isinstance(value, str | None):
            raise DataError(f"{what}, row {row}: expected a text, found {value!r}")
    if text is None:
        raise DataError(f"{what}, row {row}: the text is missing")
    return document_text(title, text)
