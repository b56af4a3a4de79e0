"""The source `mteb`: a retrieval or reranking task of mteb, loaded by its own code."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from harness.artifacts.judgements import Judgement, Qrels
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset, document_text
from harness.datasets.readers.hub import grade, key, quiet, reason, refuse_missing, rows
from harness.errors import MissingLibrary, UnknownName, UserError, nearest
from harness.fingerprint import fingerprint, stamp

READER = 1
"""The version of the reader; increase it when the same task is read as other texts or judgements."""
HOME = "mteb.abstasks.retrieval"
"""The module with the base class of all retrieval and reranking tasks."""


class Loaded(NamedTuple):
    """A loaded task, and the data of one split of one subset of it."""

    task: Any
    split: str
    subset: str
    data: Any
    """A mapping with `corpus`, `queries`, `relevant_docs` and `top_ranked`."""


class Mteb(Dataset):
    """Reads a retrieval or reranking task of the library mteb.

    `task` is mteb's name of the task, or the name of a task class that a plug-in defines. `split` and `subset` (often a
    language) may be omitted if the task has only one; of several splits, `test` is the default. `revision` is the
    expected commit of the task's data. The version of mteb determines the commit, so if `revision` is set, an update of
    mteb that changes the data is an error.
    """

    brief: ClassVar[tuple[str, ...]] = ("task", "split", "subset")
    task: str
    split: str | None = None
    subset: str | None = None
    commit: str | None = Field(default=None, alias="revision")

    @property
    def revision(self) -> str:
        """A fingerprint of the settings and mteb's version, which determines the revision of every task it ships.

        mteb is not imported. For a task of your own, it covers the metadata and the stamps of code and local folder.
        """
        settings = self.model_dump(mode="json")
        return fingerprint(["mteb", READER, _version(), settings, _own_marks(self.task)])

    @property
    def at_hand(self) -> bool:
        """Whether it is a task of your own over a local folder; other tasks must be loaded to find out."""
        own = _own(self.task)
        return own is not None and _folder(own.metadata) is not None

    @property
    def ignore_identical_ids(self) -> bool:
        """The setting in the suite, or that of the task, for which mteb is imported."""
        return bool(find_task(self.task).ignore_identical_ids) if self.identical_ids is None else self.identical_ids

    def corpus(self) -> Corpus:
        """Load the documents."""
        return Corpus.of(documents(self._loaded.data["corpus"], self.task))

    def queries(self) -> Queries:
        """Load the queries that are judged; an instruction follows its query, as mteb passes it to a model."""
        judged = self._loaded.data["relevant_docs"]
        return Queries.of((id_, text) for id_, text in self._questions() if id_ in judged)

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        return sum(id_ not in self._loaded.data["relevant_docs"] for id_, _ in self._questions())

    def qrels(self) -> Qrels:
        """Load the judgements of the queries that the task has; mteb, too, leaves out the others."""
        known = {id_ for id_, _ in self._questions()}
        return Qrels.of(
            Judgement(query, document, grade(score, f"the judgements of {self.task}", row))
            for row, (query, scores) in enumerate(self._loaded.data["relevant_docs"].items(), 1)
            if query in known
            for document, score in scores.items()
        )

    def origin(self) -> dict[str, Any]:
        """Return what is needed to load the same data elsewhere, or to compare a value with mteb's."""
        task, split, subset, data = self._loaded
        about = task.metadata
        return {
            "task": about.name,
            "type": str(about.type),
            "path": about.dataset["path"],
            "revision": about.revision,
            "split": split,
            "subset": subset,
            "languages": list(about.hf_subsets_to_langscripts.get(subset, [])),
            "main_score": about.main_score,
            "ignore_identical_ids": bool(task.ignore_identical_ids),
            "candidates": bool(data["top_ranked"]),
            "mteb": _version(),
        }

    def notes(self) -> list[str]:
        """Return which data these are, and where values would differ from mteb's."""
        return list(self._remarks())

    def _remarks(self) -> Iterator[str]:
        task, split, subset, data = self._loaded
        about, name = task.metadata, self.task
        where = split if subset == "default" else f"{subset}, {split}"
        yield f"{name} ({where}) of mteb {_version()}: {about.dataset['path']} at revision {about.revision}"
        if type(task).__module__.split(".")[0] != "mteb":
            yield f"{name} is a task of your own, defined in {Path(inspect.getfile(type(task))).name}"
        if task.ignore_identical_ids != self.ignore_identical_ids:
            theirs = str(task.ignore_identical_ids).lower()
            yield f"mteb has ignore_identical_ids: {theirs} for {name}, and the suite sets the opposite"
        if data["top_ranked"]:
            yield f"{name} ranks given candidates; here all documents are searched, so that values differ from mteb's"
        if prompt := about.prompt:
            prompts = {"query": prompt} if isinstance(prompt, str) else prompt
            listed = "; ".join(f"{side}: {text!r}" for side, text in prompts.items())
            yield f"mteb prompts models that take instructions on {name}; here a model must set the prompt: {listed}"
        if "instruction" in data["queries"].column_names:
            yield f"each query of {name} is followed by its instruction"
        if missing := len(data["relevant_docs"].keys() - {id_ for id_, _ in self._questions()}):
            yield f"judged queries of {name} without text, which are left out as in mteb: {missing}"
        if about.superseded_by:
            yield f"according to mteb, {name} is superseded by {about.superseded_by}"
        if getattr(about, "is_beta", False):  # absent in older releases
            yield f"according to mteb, {name} is a beta: its data may change"

    def _questions(self) -> Iterator[tuple[str, str]]:
        return questions(self._loaded.data["queries"], self.task)

    @cached_property
    def _loaded(self) -> Loaded:
        """Load the split and the subset, once; UserError if either does not exist or cannot be fetched."""
        task = find_task(self.task)
        about = task.metadata
        split = _chosen("split", self.split, list(about.eval_splits), self.task, "test")
        subset = _chosen("subset", self.subset, list(about.hf_subsets), self.task, None)
        if self.commit is not None and self.commit != about.revision:
            raise UserError(
                f"{self.task!r} of mteb {_version()} is at revision {about.revision}; the suite expects {self.commit}"
            )
        data = _load(task, split, subset)
        for part in ("corpus", "queries"):
            refuse_missing(data[part].column_names, ["id", "text"], f"the {part} of {self.task}, which must be text")
        return Loaded(task, split, subset, data)


def find_task(name: str) -> Any:
    """Return a task by name; a task of your own takes precedence over mteb's.

    Raises UnknownName with the nearest name, UserError for a task of another type, and MissingLibrary without mteb.
    """
    library = _library()
    own = _own(name)
    try:
        with quiet():
            task = own() if own else library.get_task(name)
    except KeyError:
        known = [kind.metadata.name for kind in _kinds()]
        raise UnknownName(f"mteb has no retrieval task {name!r}; {nearest(name, known)}") from None
    if parts := getattr(task.metadata, "tasks", None):
        names = [part.metadata.name for part in parts]
        raise UserError(f"{name!r} is the mean of several tasks; use each of them separately: {nearest('', names)}")
    if not isinstance(task, sys.modules[HOME].AbsTaskRetrieval):
        raise UserError(f"{name!r} is a task of {task.metadata.type}; expected one of retrieval or reranking")
    return task


def documents(data: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each document of a corpus of mteb, with title and text joined."""
    titled = "title" in data.column_names
    columns = ("id", "text", "title") if titled else ("id", "text")
    for row, (id_, text, *title) in enumerate(rows(data, columns), 1):
        yield key(id_, f"the corpus of {name}", row), document_text(title[0] if titled else None, text)


def questions(data: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each query of mteb, with its turns joined and its instruction added."""
    instructed = "instruction" in data.column_names
    columns = ("id", "text", "instruction") if instructed else ("id", "text")
    for row, (id_, text, *instruction) in enumerate(rows(data, columns), 1):
        yield key(id_, f"the queries of {name}", row), _question(text, instruction[0] if instructed else None)


def _question(text: Any, instruction: str | None) -> str:
    """Join a query and its instruction in mteb's order: after a text, before a conversation."""
    if not isinstance(text, list):
        return f"{text or ''} {instruction or ''}".strip()
    turns = [turn if isinstance(turn, str) else f"{turn['role']}: {turn['content']}" for turn in text]
    return f"{instruction or ''} {'; '.join(turns)}".strip()


def _load(task: Any, split: str, subset: str) -> Any:
    """Load a split of a subset by the task's own code; whatever that raises becomes one UserError."""
    name, about = task.metadata.name, task.metadata
    try:
        with quiet():
            task.filter_eval_splits([split])
            task.hf_subsets = [subset]
            task.load_data()
            task.convert_v1_dataset_format_to_v2(None)
            return task.dataset[subset][split]
    except UserError:
        raise
    except Exception as error:  # the code of a task may raise anything
        raise UserError(
            f"mteb cannot load {name!r} ({subset}, {split}) from {about.dataset['path']} at revision "
            f"{about.revision}: {reason(error)}"
        ) from error


def _chosen(what: str, given: str | None, known: list[str], task: str, default: str | None) -> str:
    """Return the split or subset to load; UserError, with those that exist, if it is ambiguous or does not exist."""
    if given is None and len(known) == 1:
        return known[0]
    if given is None and default in known:
        return str(default)
    if given is None:
        raise UserError(f"the task {task!r} has several {what}s: set `{what}`; {nearest('', known)}")
    if given not in known:
        raise UserError(f"the task {task!r} has no {what} {given!r}; {nearest(given, known)}")
    return given


def _kinds() -> Iterator[Any]:
    """Yield every class of a retrieval or reranking task defined so far; none before mteb is imported."""
    home = sys.modules.get(HOME)
    todo = home.AbsTaskRetrieval.__subclasses__() if home else []
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if getattr(kind, "metadata", None) is not None:
            yield kind


def _own(name: str) -> Any | None:
    """Return the class of that name that is not mteb's, the last one defined; None if there is none."""
    own = [kind for kind in _kinds() if kind.metadata.name == name and kind.__module__.split(".")[0] != "mteb"]
    return own[-1] if own else None


def _own_marks(name: str) -> Any:
    """Return values that differ if a task of your own may have changed; None for a task of mteb."""
    own = _own(name)
    if own is None:
        return None
    folder = _folder(own.metadata)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
    code = Path(inspect.getfile(own))
    return [own.metadata.model_dump_json(), [stamp(path) for path in [code, *files] if path.is_file()]]


def _folder(about: Any) -> Path | None:
    folder = Path(about.dataset["path"])
    return folder if folder.is_dir() else None


def _version() -> str | None:
    """Return the version of mteb without importing it; None if it is not installed."""
    try:
        return version("mteb")
    except PackageNotFoundError:
        return None


def _library() -> Any:
    try:
        with quiet():
            import mteb
    except ImportError:
        raise MissingLibrary("mteb", "mteb", "the source mteb") from None
    return mteb
