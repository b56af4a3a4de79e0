"""The leaves of a plan: parts of data sets and models, named by the checksum of their content.

What was read once is remembered in the store under cheap marks (file stamps, a version, a commit), so that naming the
leaves of a suite again costs nothing while the marks stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from harness.artifacts.base import Artifact
from harness.artifacts.judgements import Qrels
from harness.artifacts.model import Model
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import Dataset
from harness.datasets.hygiene import examine
from harness.errors import DataError, UserError
from harness.fingerprint import Fingerprint, fingerprint, stamp
from harness.models.weights import ModelSpec, content_of, find_weights, model_files
from harness.plan.run_files import RunFileLeaf
from harness.stage import (
    CorpusSource,
    ModelSource,
    Node,
    QrelsSource,
    QueriesSource,
    ReferencesSource,
    Source,
    SpansSource,
)
from harness.store import Entry, Store

PARTS: dict[str, type[Source]] = {
    "corpus": CorpusSource,
    "queries": QueriesSource,
    "qrels": QrelsSource,
    "references": ReferencesSource,
    "spans": SpansSource,
}
RECEIPT = 3
"""Raise it when more, or something else, is noted of a data set when it is taken in."""
UNKNOWN = "unknown:"
"""Begins the content of a leaf that was not read yet; nothing that hangs on it can be in the store."""


@dataclass(frozen=True)
class Part:
    """A part of a data set as a node."""

    name: str
    dataset: Dataset
    node: Node

    def load(self) -> Artifact:
        """Read it again; DataError if it changed since it was named."""
        artifact = self.dataset.part(self.name)
        if artifact is None or artifact.checksum() != self.node.stage.recipe["content"]:
            raise DataError(
                f"the {self.name} of the data set {self.dataset.source!r} changed while it was in use: run again"
            )
        return artifact

    @property
    def about(self) -> dict[str, Any]:
        """What its data set is called, for people."""
        return _about(self.dataset)


@dataclass(frozen=True)
class DatasetLeaf:
    """A data set of a suite with its parts as nodes, and what is worth telling of it."""

    name: str
    dataset: Dataset
    corpus: Node
    queries: Node
    qrels: Node
    references: Node | None
    facts: Mapping[str, Any]
    """Counts of `corpus`, `queries` and `qrels`, `notes` for the reader, `hygiene`; empty while it was not read."""
    spans: Node | None = None

    @property
    def known(self) -> bool:
        """Whether it was read."""
        return bool(self.facts)

    @property
    def ignore_identical_ids(self) -> bool:
        """Whether a document that bears its query's id is taken out of every run."""
        return bool(self.facts.get("ignore_identical_ids", self.dataset.identical_ids))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part that it has."""
        nodes = {name: getattr(self, name) for name in PARTS}
        return tuple(Part(name, self.dataset, node) for name, node in nodes.items() if node is not None)


@dataclass(frozen=True)
class ModelLeaf:
    """A model of a suite as a node."""

    name: str
    spec: ModelSpec
    node: Node
    model: Model
    pinned: bool
    at_hand: bool
    problem: str | None

    def load(self) -> Model:
        """Return the model; UserError if it could not be resolved."""
        if self.problem:
            raise UserError(self.problem)
        return self.model

    @property
    def about(self) -> dict[str, Any]:
        """What it is called, for people."""
        return {"path": self.spec.path, "revision": self.model.revision}


@dataclass(frozen=True)
class Leaves:
    """All that a suite's plan hangs on."""

    collections: dict[str, DatasetLeaf] = field(default_factory=dict)
    models: dict[str, ModelLeaf] = field(default_factory=dict)
    runfiles: Mapping[tuple[str, str], RunFileLeaf] = field(default_factory=dict)
    """By data set and the word in the suite; see `find_runfiles`."""

    def _find(self, name: Fingerprint) -> Part | ModelLeaf | RunFileLeaf | None:
        parts = (part for collection in self.collections.values() for part in collection.parts)
        every: Iterator[Part | ModelLeaf | RunFileLeaf] = chain(self.models.values(), self.runfiles.values(), parts)
        return next((leaf for leaf in every if leaf.node.fingerprint == name), None)

    def loader(self, name: Fingerprint) -> Callable[[], Artifact]:
        """Return the function that reads a leaf. KeyError for what is no leaf of this suite."""
        leaf = self._find(name)
        if leaf is None:
            raise KeyError(name)
        return leaf.load

    def about(self, name: Fingerprint) -> dict[str, Any] | None:
        """Return what a leaf is called, for people; None for what is no leaf."""
        leaf = self._find(name)
        return leaf.about if leaf else None


def find_leaves(
    datasets: Mapping[str, Dataset], models: Mapping[str, ModelSpec], base: Path, store: Store, *, fetch: bool
) -> Leaves:
    """Name all leaves. `fetch` allows what is not on this machine to be fetched; without it such a leaf stays unknown.

    Raises UserError for a model that cannot be found and DataError for damaged data.
    """
    return Leaves(
        {name: find_collection(name, dataset, store, fetch=fetch) for name, dataset in datasets.items()},
        {name: _weigh(name, spec, base, store, fetch=fetch) for name, spec in models.items()},
    )


def find_collection(name: str, dataset: Dataset, store: Store, *, fetch: bool) -> DatasetLeaf:
    """Name the parts of a data set, which is read into the store if it was never. Raises DataError for damage."""
    key = [RECEIPT, dataset.source, dataset.model_dump(mode="json"), dataset.revision]
    facts = store.receipt(key)
    if facts is None and (fetch or dataset.at_hand):
        facts = _take_in(dataset, store)
        store.keep_receipt(key, facts)
    contents = (
        facts["contents"] if facts else {part: UNKNOWN + fingerprint(key) for part in ("corpus", "queries", "qrels")}
    )
    nodes = {part: Node(PARTS[part](content=content)) for part, content in contents.items()}
    return DatasetLeaf(
        name,
        dataset,
        nodes["corpus"],
        nodes["queries"],
        nodes["qrels"],
        nodes.get("references"),
        facts or {},
        nodes.get("spans"),
    )


def _take_in(dataset: Dataset, store: Store) -> dict[str, Any]:
    """Read a data set into the store, look at it, and say what was found. Judgements first: they are the shortest."""
    contents, counts, nodes, unjudged = {}, {}, {}, []
    for part in reversed(PARTS):
        artifact = dataset.part(part)
        if artifact is None:
            continue
        if not len(artifact):
            raise DataError(f"the data set {dataset.source!r} has no {part}")
        if isinstance(artifact, Queries) and artifact.unjudged:
            unjudged = [f"queries that nothing judges, which are not asked: {artifact.unjudged:,}"]
        contents[part], counts[part] = artifact.checksum(), len(artifact)
        nodes[part] = Node(PARTS[part](content=contents[part]))
        if nodes[part].fingerprint not in store:
            store.save(artifact, Entry(nodes[part].fingerprint, nodes[part].recipe, about=_about(dataset)))
    return {
        "contents": contents,
        "counts": counts,
        "notes": [*dataset.changes(), *dataset.notes(), *unjudged],
        "origin": dataset.origin(),
        "ignore_identical_ids": dataset.ignore_identical_ids,
        "hygiene": _examine(dataset, nodes, store),
    }


def _examine(dataset: Dataset, nodes: Mapping[str, Node], store: Store) -> dict[str, Any]:
    """Look at what was taken in, and whether the same words stood for something else before."""
    corpus = store.load(nodes["corpus"].fingerprint, Corpus)
    queries = store.load(nodes["queries"].fingerprint, Queries)
    qrels = store.load(nodes["qrels"].fingerprint, Qrels)
    found = examine(corpus, queries, qrels, ignore_identical_ids=dataset.ignore_identical_ids).document()
    found["findings"] += _other_contents(dataset, nodes, store)
    return found


def _other_contents(dataset: Dataset, nodes: Mapping[str, Node], store: Store) -> Iterator[str]:
    """Say which parts were others when the same words were read before: numbers of then are of another data set."""
    about = json.dumps(_about(dataset), sort_keys=True)
    for part, node in nodes.items():
        before = {
            entry.recipe["content"]
            for entry in store.ledger()
            if entry.about and json.dumps(entry.about, sort_keys=True) == about
            if entry.recipe.get("stage") == node.recipe["stage"]
        } - {node.recipe["content"]}
        if before:
            yield (
                f"more than one revision: the {part} of this data set had other content when it was read before "
                f"({', '.join(sorted(content[:12] for content in before))}); numbers of then do not compare with these"
            )


def _about(dataset: Dataset) -> dict[str, Any]:
    return {"source": dataset.source, **dataset.model_dump(mode="json", by_alias=True, exclude_none=True)}


def _weigh(name: str, spec: ModelSpec, base: Path, store: Store, *, fetch: bool) -> ModelLeaf:
    weights = find_weights(spec, base, fetch=fetch)
    if weights.folder is not None:
        key = ["model", [stamp(path) for path in model_files(weights.folder)]]
        receipt = store.receipt(key)
        if receipt is None:
            receipt = {"content": content_of(weights.folder)}
            store.keep_receipt(key, receipt)
        content = receipt["content"]
    else:
        content = f"{spec.path}@{weights.commit}" if weights.commit else UNKNOWN + spec.path
    node = Node(ModelSource(content=content))
    return ModelLeaf(name, spec, node, weights.model, weights.pinned, weights.at_hand, weights.problem)
