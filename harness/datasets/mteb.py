"""A retrieval or reranking task of mteb, by name and through the task's own loading."""

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
"""Raise it when the same task comes to be read as other texts or judgements."""
HOME = "mteb.abstasks.retrieval"
"""Where mteb keeps the class of all retrieval and reranking tasks."""


class Loaded(NamedTuple):
    """A task that is loaded, and one split of one subset of it: `corpus`, `queries`, `relevant_docs`, `top_ranked`."""

    task: Any
    split: str
    subset: str
    data: Any


class Mteb(Dataset):
    """`task` is mteb's name of a retrieval or reranking task, or that of a task class that a plug-in defines.

    `split` and `subset` (often a language) may be left out where the task has only one; of several splits it is then
    `test`. `revision` is the commit that the task's data should have: mteb's version decides it, so saying it turns an
    update of mteb that brings other data into an error.
    """

    brief: ClassVar[tuple[str, ...]] = ("task", "split", "subset")
    task: str
    split: str | None = None
    subset: str | None = None
    commit: str | None = Field(default=None, alias="revision")

    @property
    def revision(self) -> str:
        """The settings and mteb's version, which fixes the revision of every task it ships; mteb is not imported.

        A task of one's own is known by what it says of itself, and by the stamps of its code and of its local folder.
        """
        settings = self.model_dump(mode="json")
        return fingerprint(["mteb", READER, _version(), settings, _own_marks(self.task)])

    @property
    def at_hand(self) -> bool:
        """Whether it is a task of one's own over a local folder; of others only loading tells."""
        own = _own(self.task)
        return own is not None and _folder(own.metadata) is not None

    @property
    def ignore_identical_ids(self) -> bool:
        """What the suite says, else what the task says, for which mteb is imported."""
        return bool(find_task(self.task).ignore_identical_ids) if self.identical_ids is None else self.identical_ids

    def corpus(self) -> Corpus:
        """Load the documents."""
        return Corpus.of(documents(self._loaded.data["corpus"], self.task))

    def queries(self) -> Queries:
        """Load the queries that are judged; an instruction follows its query, as mteb hands it to a model."""
        wanted = self._loaded.data["relevant_docs"]
        return Queries.of((id_, text) for id_, text in self._asked() if id_ in wanted)

    def unjudged_queries(self) -> int:
        """Count the queries that are not judged."""
        return sum(id_ not in self._loaded.data["relevant_docs"] for id_, _ in self._asked())

    def qrels(self) -> Qrels:
        """Load the judgements of the queries that the task has; mteb leaves out others as well."""
        known = {id_ for id_, _ in self._asked()}
        return Qrels.of(
            Judgement(query, document, grade(score, f"the judgements of {self.task}", row))
            for row, (query, found) in enumerate(self._loaded.data["relevant_docs"].items(), 1)
            if query in known
            for document, score in found.items()
        )

    def origin(self) -> dict[str, Any]:
        """What mteb calls it: all that another needs to load the same, or to compare a number with mteb's."""
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
        """Say which data these are, and where a number would not be mteb's."""
        return list(self._remarks())

    def _remarks(self) -> Iterator[str]:
        task, split, subset, data = self._loaded
        about, name = task.metadata, self.task
        where = split if subset == "default" else f"{subset}, {split}"
        yield f"{name} ({where}) of mteb {_version()}: {about.dataset['path']} at revision {about.revision}"
        if type(task).__module__.split(".")[0] != "mteb":
            yield f"{name} is a task of one's own, defined in {Path(inspect.getfile(type(task))).name}"
        if task.ignore_identical_ids != self.ignore_identical_ids:
            theirs = str(task.ignore_identical_ids).lower()
            yield f"mteb has ignore_identical_ids: {theirs} for {name}, and the suite says otherwise"
        if data["top_ranked"]:
            yield f"{name} ranks given candidates of each query; here all documents are searched: no number is mteb's"
        if prompt := about.prompt:
            said = {"query": prompt} if isinstance(prompt, str) else prompt
            words = "; ".join(f"{side}: {text!r}" for side, text in said.items())
            yield f"mteb prompts models that take instructions on {name}; used here only if the model says it: {words}"
        if "instruction" in data["queries"].column_names:
            yield f"each query of {name} is followed by its instruction"
        if lost := len(data["relevant_docs"].keys() - {id_ for id_, _ in self._asked()}):
            yield f"{lost} judged queries of {name} have no text and are left out, as by mteb"
        if about.superseded_by:
            yield f"mteb calls {name} superseded by {about.superseded_by}"
        if getattr(about, "is_beta", False):  # older releases know no betas
            yield f"mteb calls {name} a beta: its data may change"

    def _asked(self) -> Iterator[tuple[str, str]]:
        return questions(self._loaded.data["queries"], self.task)

    @cached_property
    def _loaded(self) -> Loaded:
        """Load the split and the subset, once. UserError for one that is not there and for what cannot be fetched."""
        task = find_task(self.task)
        about = task.metadata
        split = _chosen("split", self.split, list(about.eval_splits), self.task, "test")
        subset = _chosen("subset", self.subset, list(about.hf_subsets), self.task, None)
        if self.commit is not None and self.commit != about.revision:
            raise UserError(
                f"{self.task!r} of mteb {_version()} is at revision {about.revision}, and the suite says {self.commit}"
            )
        data = _load(task, split, subset)
        for part in ("corpus", "queries"):
            refuse_missing(data[part].column_names, ["id", "text"], f"the {part} of {self.task}, which must be text")
        return Loaded(task, split, subset, data)


def find_task(name: str) -> Any:
    """Return a task by name, one's own before mteb's.

    Raises UnknownName with the nearest, UserError for a task of another kind, MissingLibrary without mteb.
    """
    library = _library()
    own = _own(name)
    try:
        with quiet():
            task = own() if own else library.get_task(name)
    except KeyError:
        known = [kind.metadata.name for kind in _kinds()]
        raise UnknownName(f"mteb knows no retrieval task {name!r}; {nearest(name, known)}") from None
    if parts := getattr(task.metadata, "tasks", None):
        names = [part.metadata.name for part in parts]
        raise UserError(f"{name!r} is the mean of several tasks, take each by itself: {nearest('', names)}")
    if not isinstance(task, sys.modules[HOME].AbsTaskRetrieval):
        raise UserError(f"{name!r} is a task of {task.metadata.type}; expected one of retrieval or reranking")
    return task


def documents(data: Any, name: str) -> Iterator[tuple[str, str]]:
    """Give id and text of each document of a corpus as mteb holds it, title and text joined."""
    titled = "title" in data.column_names
    columns = ("id", "text", "title") if titled else ("id", "text")
    for row, (id_, text, *title) in enumerate(rows(data, columns), 1):
        yield key(id_, f"the corpus of {name}", row), document_text(title[0] if titled else None, text)


def questions(data: Any, name: str) -> Iterator[tuple[str, str]]:
    """Give id and text of each query as mteb holds it: its turns joined, its instruction added."""
    instructed = "instruction" in data.column_names
    columns = ("id", "text", "instruction") if instructed else ("id", "text")
    for row, (id_, text, *instruction) in enumerate(rows(data, columns), 1):
        yield key(id_, f"the queries of {name}", row), _question(text, instruction[0] if instructed else None)


def _question(text: Any, instruction: str | None) -> str:
    """Join a query and its instruction in mteb's order: behind a text, before a conversation."""
    if not isinstance(text, list):
        return f"{text or ''} {instruction or ''}".strip()
    turns = [turn if isinstance(turn, str) else f"{turn['role']}: {turn['content']}" for turn in text]
    return f"{instruction or ''} {'; '.join(turns)}".strip()


def _load(task: Any, split: str, subset: str) -> Any:
    """Have the task load itself; whatever that raises becomes one UserError."""
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
    except Exception as error:  # a task's loading is code of its own, and may raise anything
        raise UserError(
            f"mteb cannot load {name!r} ({subset}, {split}) from {about.dataset['path']} at revision "
            f"{about.revision}: {reason(error)}"
        ) from error


def _chosen(what: str, said: str | None, there: list[str], task: str, default: str | None) -> str:
    """Return the split or subset that is meant; UserError names what there is."""
    if said is None and len(there) == 1:
        return there[0]
    if said is None and default in there:
        return str(default)
    if said is None:
        raise UserError(f"the task {task!r} has several {what}s: say which; {nearest('', there)}")
    if said not in there:
        raise UserError(f"the task {task!r} has no {what} {said!r}; {nearest(said, there)}")
    return said


def _kinds() -> Iterator[Any]:
    """Give every class of a retrieval or reranking task that is defined by now; none before mteb is imported."""
    home = sys.modules.get(HOME)
    todo = home.AbsTaskRetrieval.__subclasses__() if home else []
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if getattr(kind, "metadata", None) is not None:
            yield kind


def _own(name: str) -> Any | None:
    """Return the class of that name which is not mteb's, the latest defined."""
    own = [kind for kind in _kinds() if kind.metadata.name == name and kind.__module__.split(".")[0] != "mteb"]
    return own[-1] if own else None


def _own_marks(name: str) -> Any:
    """Say what tells that a task of one's own may have changed; None for a task of mteb."""
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
    """Return mteb's version without importing it; None where it is not installed."""
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
