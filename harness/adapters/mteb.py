"""Presents a system of a suite to mteb as a model: `mteb.evaluate(MtebSystem("suite.yaml", "hybrid"), tasks)`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries, Texts
from harness.datasets.base import Dataset
from harness.datasets.mteb import documents, questions
from harness.errors import MissingLibrary, UnknownName, UserError, nearest
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.machine import default_device, threads
from harness.plan import Plan, make_plan, walk
from harness.plan.leaves import UNKNOWN, DatasetLeaf, find_leaves
from harness.results.file_names import safe_names
from harness.stage import (
    CorpusSource,
    Fuser,
    Node,
    QrelsSource,
    QueriesSource,
    Runtime,
    Searcher,
    Source,
    SpansSource,
    Stage,
)
from harness.store import Entry, Store
from harness.suite import Step, Suite, System, load_suite
from harness.suite.selection import models_of

GIVEN = "given"
"""The name in the plan of the data set that mteb passes."""


class Given(Dataset):
    """The data that mteb passes; mteb keeps the judgements. A part that it has not passed yet is empty."""

    source: ClassVar[str] = "mteb.evaluate"
    _corpus: Corpus | None = PrivateAttr(None)
    _queries: Queries | None = PrivateAttr(None)

    @property
    def revision(self) -> str:
        """A constant, since this data set is never looked up by its revision."""
        return GIVEN

    def corpus(self) -> Corpus:
        """Return the documents."""
        return self._corpus or Corpus.of(())

    def queries(self) -> Queries:
        """Return the queries."""
        return self._queries or Queries.of(())

    def qrels(self) -> Qrels:
        """Return no judgements."""
        return Qrels.of(())


class MtebSystem:
    """One system of a suite as an implementation of mteb's SearchProtocol.

    `suite` is a file or a loaded Suite; its data sets and measures are not used. All artifacts are kept in the store
    (by default the one of `harness run`), so that texts that both use are encoded once. The system returns as many
    documents as the suite says; `depth` sets another number for all its searches and fusions, which changes what a
    fusion returns. For a reranking task, which passes the candidates of each query, all documents are ranked and only
    the candidates are kept.
    """

    def __init__(
        self,
        suite: Suite | str | PathLike[str],
        system: str,
        *,
        depth: int | None = None,
        store: str | PathLike[str] | None = None,
        device: str = "auto",
    ) -> None:
        """Load the suite. Raises SuiteError for a mistake in it, UserError for a system that mteb cannot use."""
        self.device = default_device(device)
        loaded = suite if isinstance(suite, Suite) else load_suite(Path(suite), device=self.device)
        if system not in loaded.systems:
            raise UnknownName(f"the suite has no system {system!r}; {nearest(system, loaded.systems)}")
        _refuse_run_files(loaded, system)
        self.suite = loaded if depth is None else _deepened(loaded, depth)
        self.system = system
        self.store = Store.at(Path(store) if store is not None else None)
        self._given = Given()

    @cached_property
    def mteb_model_meta(self) -> Any:
        """The name `suite/system`; its revision is the fingerprint of the system, models included."""
        try:
            from mteb.models import ModelMeta
        except ImportError:
            raise MissingLibrary("mteb", "mteb", "a system as a model of mteb") from None
        run = self._plan(self.suite, Given()).targets[0].run
        name = f"{self.suite.name}/{safe_names([self.system])[self.system]}"
        return ModelMeta.create_empty({"name": name, "revision": run.fingerprint[:40]})

    def index(self, corpus: Any, *, task_metadata: Any, **_: Any) -> None:
        """Build the indexes of a corpus. Raises DataError for a damaged corpus, UserError if a stage fails."""
        self._given = Given()
        self._given._corpus = Corpus.of(documents(corpus, task_metadata.name))
        plan = self._plan(self.suite, self._given)
        self._make(plan, [node for node in walk(plan.targets[0].run) if node.stage.role == "index"])

    def search(
        self,
        queries: Any,
        *,
        task_metadata: Any,
        top_k: int,
        top_ranked: Mapping[str, Iterable[str]] | None = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """Return the scores of at most `top_k` documents by id for each query. Raises UserError if a stage fails."""
        if self._given._corpus is None:
            raise UserError("a corpus must be indexed before it is searched")
        self._given._queries = Queries.of(questions(queries, task_metadata.name))
        suite = self.suite
        if top_ranked is not None:
            suite = _deepened(suite, len(self._given.corpus()))
        elif (depth := suite.systems[self.system].depth) is not None and depth < top_k:
            few = f"{self.system!r} returns {depth} documents per query, but mteb requests {top_k}"
            warnings.warn(f"{few}: measures deeper than {depth} are too low; set depth={top_k}", stacklevel=2)
        plan = self._plan(suite, self._given)
        run = plan.targets[0].run
        self._make(plan, [run])
        return _scores(self.store.load(run.fingerprint, Run), self._given, top_k, top_ranked)

    def _plan(self, suite: Suite, given: Given) -> Plan:
        """Plan the system on the data that mteb passed; a part that it has not passed is a leaf without content."""
        systems = {self.system: suite.systems[self.system]}
        leaves = find_leaves({}, models_of(suite, systems), suite.base, self.store, fetch=True)
        collection = DatasetLeaf(
            name=GIVEN,
            dataset=given,
            nodes={
                "corpus": self._leaf(CorpusSource, given._corpus),
                "queries": self._leaf(QueriesSource, given._queries),
                "qrels": self._leaf(QrelsSource, None),
                "spans": self._leaf(SpansSource, None),
            },
            facts={},
        )
        return make_plan(suite, replace(leaves, collections={GIVEN: collection}), systems)

    def _leaf(self, kind: type[Source], part: Texts | None) -> Node:
        """Store a part, under the same name as equal content from any other source."""
        node = Node(kind(content=part.checksum() if part is not None else UNKNOWN + GIVEN))
        if part is not None and not self.store.usable(node.fingerprint):
            self.store.save(part, Entry(node.fingerprint, node.recipe, about={"source": Given.source}))
        return node

    def _make(self, plan: Plan, nodes: Iterable[Node]) -> None:
        """Make some nodes. Raises UserError with the reason of the first failure."""
        bare = replace(plan.targets[0], scores={}, index_recall={}, ceilings=())  # there are no judgements
        targets = tuple(replace(bare, run=node) for node in nodes)
        outcome = execute(replace(plan, targets=targets), self.store, Runtime(self.device, threads()), Silent())
        for reason in outcome.failed.values():
            raise UserError(f"{self.system!r} failed: {reason}")


def _scores(
    run: Run, given: Given, top_k: int, top_ranked: Mapping[str, Iterable[str]] | None
) -> dict[str, dict[str, float]]:
    """Return scores by query id and document id, as mteb expects them; only of the candidates, if there are any."""
    ids = given.corpus().ids
    by_query = {}
    for query, rows, scores in zip(given.queries().ids, run.documents, run.scores, strict=True):
        used = rows != NONE
        pairs = zip(rows[used].tolist(), scores[used].tolist(), strict=True)
        by_document = {ids[row]: score for row, score in pairs}
        if top_ranked is not None:
            candidates = set(top_ranked.get(query, ()))
            by_document = {document: score for document, score in by_document.items() if document in candidates}
        by_query[query] = dict(list(by_document.items())[:top_k])
    return by_query


def _deepened(suite: Suite, depth: int) -> Suite:
    """Return the suite with another depth for every search and fusion; the depth of rerankers stays."""

    def deep(stage: Stage) -> Stage:
        return stage.model_copy(update={"depth": depth}) if isinstance(stage, Searcher | Fuser) else stage

    def deep_step(step: Step) -> Step:
        return replace(step, stages={role: deep(stage) for role, stage in step.stages.items()})

    def deep_system(system: System) -> System:
        return replace(system, steps=tuple(map(deep_step, system.steps)))

    return replace(suite, systems={name: deep_system(system) for name, system in suite.systems.items()})


def _refuse_run_files(suite: Suite, name: str) -> None:
    """Raise UserError if a system is built from a run file, which only answers the queries it was made for."""
    for system in suite.closure([name]).values():
        if any(step.role == "runfile" for step in system.steps):
            raise UserError(f"{system.name!r} is a run file, which answers only the queries it was made for")
