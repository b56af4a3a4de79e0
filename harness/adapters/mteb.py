"""A system of a suite as mteb sees a model: `mteb.evaluate(MtebSystem("suite.yaml", "hybrid"), tasks)`."""

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
"""What the data set that mteb hands over is called in the plan."""


class Given(Dataset):
    """What mteb hands over; the judgements stay with it. A part that was not handed over yet is empty."""

    source: ClassVar[str] = "mteb.evaluate"
    _corpus: Corpus | None = PrivateAttr(None)
    _queries: Queries | None = PrivateAttr(None)

    @property
    def revision(self) -> str:
        """Nothing tells without reading; these data are never looked up by it."""
        return GIVEN

    def corpus(self) -> Corpus:
        """Return the documents."""
        return self._corpus or Corpus.of(())

    def queries(self) -> Queries:
        """Return the queries."""
        return self._queries or Queries.of(())

    def qrels(self) -> Qrels:
        """Return no judgement."""
        return Qrels.of(())


class MtebSystem:
    """mteb's SearchProtocol over one system of a suite; the data sets and measures of the suite play no part.

    `suite` is a file or a loaded Suite. Everything made lies in the store (by default as for `harness run`), so that
    data that both have are encoded once. The system finds as many documents as the suite says; `depth` says another
    number for all its searches and fusions, which changes what a fusion gives. A reranking task hands over the
    candidates of each query: all documents are then ranked, and the candidates kept.
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
        """Load the suite. Raises SuiteError for a mistake in it, UserError for a system that cannot be handed over."""
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
        """The name `suite/system`, and as revision the fingerprint of all that the system is, models included."""
        try:
            from mteb.models import ModelMeta
        except ImportError:
            raise MissingLibrary("mteb", "mteb", "a system as a model of mteb") from None
        run = self._plan(self.suite, Given()).targets[0].run
        name = f"{self.suite.name}/{safe_names([self.system])[self.system]}"
        return ModelMeta.create_empty({"name": name, "revision": run.fingerprint[:40]})

    def index(self, corpus: Any, *, task_metadata: Any, **_: Any) -> None:
        """Make the indexes of a corpus. Raises DataError for a damaged one, UserError where a stage fails."""
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
        """Return the scores of the documents found for each query, at most `top_k`. UserError where a stage fails."""
        if self._given._corpus is None:
            raise UserError("index a corpus before it is searched")
        self._given._queries = Queries.of(questions(queries, task_metadata.name))
        suite = self.suite
        if top_ranked is not None:
            suite = _deepened(suite, len(self._given.corpus()))
        elif (depth := suite.systems[self.system].depth) is not None and depth < top_k:
            few = f"{self.system!r} keeps {depth} documents a query and mteb asks for {top_k}"
            warnings.warn(f"{few}: measures deeper than {depth} are too low; say depth={top_k}", stacklevel=2)
        plan = self._plan(suite, self._given)
        run = plan.targets[0].run
        self._make(plan, [run])
        return _scores(self.store.load(run.fingerprint, Run), self._given, top_k, top_ranked)

    def _plan(self, suite: Suite, given: Given) -> Plan:
        """Lay the system on what was handed over; a part that was not is a leaf that nothing can be made of."""
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
        """Put a part into the store, under the name that the same content has from any source."""
        node = Node(kind(content=part.checksum() if part is not None else UNKNOWN + GIVEN))
        if part is not None and not self.store.usable(node.fingerprint):
            self.store.save(part, Entry(node.fingerprint, node.recipe, about={"source": Given.source}))
        return node

    def _make(self, plan: Plan, nodes: Iterable[Node]) -> None:
        """Make some nodes; UserError with the reason of the first that fails."""
        bare = replace(plan.targets[0], scores={}, index_recall={}, ceilings=())  # nothing here judges
        targets = tuple(replace(bare, run=node) for node in nodes)
        outcome = execute(replace(plan, targets=targets), self.store, Runtime(self.device, threads()), Silent())
        for reason in outcome.failed.values():
            raise UserError(f"{self.system!r} failed: {reason}")


def _scores(
    run: Run, given: Given, top_k: int, top_ranked: Mapping[str, Iterable[str]] | None
) -> dict[str, dict[str, float]]:
    """Turn a run into what mteb takes: documents and scores by id, those that are no candidates left out."""
    ids = given.corpus().ids
    found = {}
    for query, documents_, scores in zip(given.queries().ids, run.documents, run.scores, strict=True):
        there = documents_ != NONE
        pairs = zip(documents_[there].tolist(), scores[there].tolist(), strict=True)
        named = {ids[row]: score for row, score in pairs}
        if top_ranked is not None:
            candidates = set(top_ranked.get(query, ()))
            named = {document: score for document, score in named.items() if document in candidates}
        found[query] = dict(list(named.items())[:top_k])
    return found


def _deepened(suite: Suite, depth: int) -> Suite:
    """Return the suite with another depth for every search and fusion; what a reranker looks at stays."""

    def deep(stage: Stage) -> Stage:
        return stage.model_copy(update={"depth": depth}) if isinstance(stage, Searcher | Fuser) else stage

    def step(one: Step) -> Step:
        return replace(one, stages={role: deep(stage) for role, stage in one.stages.items()})

    def system(one: System) -> System:
        return replace(one, steps=tuple(map(step, one.steps)))

    return replace(suite, systems={name: system(one) for name, one in suite.systems.items()})


def _refuse_run_files(suite: Suite, name: str) -> None:
    """Raise UserError if a system is built from a run file, which only answers the queries it was made for."""
    for system in suite.closure([name]).values():
        if any(step.role == "runfile" for step in system.steps):
            raise UserError(f"{system.name!r} is a run file, which answers only the queries it was made for")
