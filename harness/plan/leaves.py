"""The inputs of a plan: parts of data sets, models and run files, identified by the checksum of their content.

A checksum is kept in the store under a receipt (file stamps, a version or a commit), so that identifying the inputs of
a suite again costs nothing as long as the receipt is valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
from harness.plan.run_files import RunFileLeaf, find_run_file
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
from harness.suite import Step

PARTS: dict[str, type[Source]] = {
    "corpus": CorpusSource,
    "queries": QueriesSource,
    "qrels": QrelsSource,
    "references": ReferencesSource,
    "spans": SpansSource,
}
REQUIRED = ("corpus", "queries", "qrels")
RECEIPT = 3
"""The version of the facts that are kept about a data set; raise it when other facts are kept."""
UNKNOWN = "unknown:"
"""The prefix of the content of a leaf that was not read yet; no node that depends on it can be in the store."""


@dataclass(frozen=True)
class Part:
    """A part of a data set as a node."""

    name: str
    dataset: Dataset
    node: Node

    def load(self) -> Artifact:
        """Read the part again. Raises DataError if it has changed since it was identified."""
        artifact = self.dataset.part(self.name)
        if artifact is None or artifact.checksum() != self.node.stage.recipe["content"]:
            raise DataError(
                f"the {self.name} of the data set {self.dataset.source!r} changed while it was in use: run again"
            )
        return artifact

    @property
    def about(self) -> dict[str, Any]:
        """A description for people: the source of the data set and its settings."""
        return _about(self.dataset)


@dataclass(frozen=True)
class DatasetLeaf:
    """A data set of a suite: its parts as nodes, and the facts that are known about it."""

    name: str
    dataset: Dataset
    nodes: Mapping[str, Node]
    """The nodes of the parts it has, by the names of `PARTS`; those of `REQUIRED` are always there."""
    facts: Mapping[str, Any]
    """`contents` and `counts` by part, `notes` for the reader, `origin`, `ignore_identical_ids` and `hygiene`; empty
    until the data set is read."""

    @property
    def corpus(self) -> Node:
        """The documents."""
        return self.nodes["corpus"]

    @property
    def queries(self) -> Node:
        """The queries."""
        return self.nodes["queries"]

    @property
    def qrels(self) -> Node:
        """The judgements."""
        return self.nodes["qrels"]

    @property
    def references(self) -> Node | None:
        """The reference answers, if it has any."""
        return self.nodes.get("references")

    @property
    def spans(self) -> Node | None:
        """The gold spans, if it has any."""
        return self.nodes.get("spans")

    @property
    def known(self) -> bool:
        """Whether it was read."""
        return bool(self.facts)

    @property
    def ignore_identical_ids(self) -> bool:
        """Whether a document with the id of its query is removed from every run."""
        return bool(self.facts.get("ignore_identical_ids", self.dataset.identical_ids))

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts that it has."""
        return tuple(Part(name, self.dataset, self.nodes[name]) for name in PARTS if name in self.nodes)


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
        """Return the model. Raises UserError if it could not be found."""
        if self.problem:
            raise UserError(self.problem)
        return self.model

    @property
    def about(self) -> dict[str, Any]:
        """A description for people: its path and its revision."""
        return {"path": self.spec.path, "revision": self.model.revision}


@dataclass(frozen=True)
class Leaves:
    """All inputs of a plan."""

    collections: dict[str, DatasetLeaf] = field(default_factory=dict)
    models: dict[str, ModelLeaf] = field(default_factory=dict)
    runfiles: Mapping[tuple[str, str], RunFileLeaf] = field(default_factory=dict)
    """The run files by data set and by their path as the suite writes it."""

    @cached_property
    def _by_fingerprint(self) -> Mapping[Fingerprint, Part | ModelLeaf | RunFileLeaf]:
        parts = (part for collection in self.collections.values() for part in collection.parts)
        leaves: list[Part | ModelLeaf | RunFileLeaf] = [*self.models.values(), *self.runfiles.values(), *parts]
        return {leaf.node.fingerprint: leaf for leaf in reversed(leaves)}

    def loader(self, name: Fingerprint) -> Callable[[], Artifact]:
        """Return the function that reads a leaf. Raises KeyError if it is not an input of this plan."""
        return self._by_fingerprint[name].load

    def load_output(self, node: Node, store: Store) -> Artifact:
        """Return the output of a node: a model from where its weights are, anything else from the store.

        Raises UserError for a model that cannot be found, and StoreError for an artifact that is missing or damaged.
        """
        if isinstance(node.stage, ModelSource):
            return self.loader(node.fingerprint)()
        return store.load(node.fingerprint, node.gives)

    def about(self, name: Fingerprint) -> dict[str, Any] | None:
        """Return the description of a leaf for people; None if it is not an input of this plan."""
        leaf = self._by_fingerprint.get(name)
        return leaf.about if leaf else None

    def model_of(self, node: Node) -> ModelLeaf | None:
        """Return the model of the suite whose weights a stage uses; None if it uses none."""
        names = {above.fingerprint for above in node.static if above is not None}
        return next((model for model in self.models.values() if model.node.fingerprint in names), None)


def find_leaves(
    datasets: Mapping[str, Dataset],
    models: Mapping[str, ModelSpec],
    base: Path,
    store: Store,
    *,
    fetch: bool,
    run_files: Mapping[tuple[str, str], Step] | None = None,
) -> Leaves:
    """Identify all inputs of a plan; `run_files` are the steps that name one, by data set and path.

    `fetch` allows missing data sets and models to be downloaded; without it they stay unknown. Raises UserError for a
    model or a run file that cannot be found, and DataError for damaged data.
    """
    return Leaves(
        {name: find_collection(name, dataset, store, fetch=fetch) for name, dataset in datasets.items()},
        {name: _find_model(name, spec, base, store, fetch=fetch) for name, spec in models.items()},
        {key: find_run_file(step, key[0], base, store) for key, step in (run_files or {}).items()},
    )


def find_collection(name: str, dataset: Dataset, store: Store, *, fetch: bool) -> DatasetLeaf:
    """Identify the parts of a data set, reading it into the store if it is new there. Raises DataError for damage."""
    key = [RECEIPT, dataset.source, dataset.model_dump(mode="json"), dataset.revision]
    facts = store.receipt(key)
    if facts is None and (fetch or dataset.at_hand):
        facts = _read(dataset, store)
        store.keep_receipt(key, facts)
    contents = facts["contents"] if facts else dict.fromkeys(REQUIRED, UNKNOWN + fingerprint(key))
    nodes = {part: Node(PARTS[part](content=content)) for part, content in contents.items()}
    return DatasetLeaf(name=name, dataset=dataset, nodes=nodes, facts=facts or {})


def _read(dataset: Dataset, store: Store) -> dict[str, Any]:
    """Read a data set into the store and return its facts; judgements first, because they are the shortest part."""
    contents, counts, nodes = {}, {}, {}
    for part in reversed(PARTS):
        artifact = dataset.part(part)
        if artifact is None:
            continue
        if not len(artifact):
            raise DataError(f"the data set {dataset.source!r} has no {part}")
        contents[part], counts[part] = artifact.checksum(), len(artifact)
        nodes[part] = Node(PARTS[part](content=contents[part]))
        if nodes[part].fingerprint not in store:
            store.save(artifact, Entry(nodes[part].fingerprint, nodes[part].recipe, about=_about(dataset)))
    notes = [*dataset.changes(), *dataset.notes()]
    if unjudged := dataset.unjudged_queries():
        notes.append(f"queries without judgements, which are left out: {unjudged:,}")
    return {
        "contents": contents,
        "counts": counts,
        "notes": notes,
        "origin": dataset.origin(),
        "ignore_identical_ids": dataset.ignore_identical_ids,
        "hygiene": _examine(dataset, nodes, store),
    }


def _examine(dataset: Dataset, nodes: Mapping[str, Node], store: Store) -> dict[str, Any]:
    """Check a data set for oddities, and whether the same settings gave other content before."""
    corpus = store.load(nodes["corpus"].fingerprint, Corpus)
    queries = store.load(nodes["queries"].fingerprint, Queries)
    qrels = store.load(nodes["qrels"].fingerprint, Qrels)
    report = examine(corpus, queries, qrels, ignore_identical_ids=dataset.ignore_identical_ids).document()
    report["findings"] += _other_contents(dataset, nodes, store)
    return report


def _other_contents(dataset: Dataset, nodes: Mapping[str, Node], store: Store) -> Iterator[str]:
    """Yield a finding for each part that had other content when the same settings were read before."""
    about = json.dumps(_about(dataset), sort_keys=True)
    for part, node in nodes.items():
        earlier = {
            entry.recipe["content"]
            for entry in store.ledger()
            if entry.about and json.dumps(entry.about, sort_keys=True) == about
            if entry.recipe.get("stage") == node.recipe["stage"]
        } - {node.recipe["content"]}
        if earlier:
            yield (
                f"more than one revision: the {part} of this data set had other content when it was read before "
                f"({', '.join(sorted(content[:12] for content in earlier))}); earlier results are not comparable"
            )


def _about(dataset: Dataset) -> dict[str, Any]:
    return {"source": dataset.source, **dataset.model_dump(mode="json", by_alias=True, exclude_none=True)}


def _find_model(name: str, spec: ModelSpec, base: Path, store: Store, *, fetch: bool) -> ModelLeaf:
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
    return ModelLeaf(
        name=name,
        spec=spec,
        node=Node(ModelSource(content=content)),
        model=weights.model,
        pinned=weights.pinned,
        at_hand=weights.at_hand,
        problem=weights.problem,
    )
