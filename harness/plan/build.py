"""Builds the plan of a suite: wires every system on every data set and collects their distinct nodes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from harness.errors import Place, SuiteError
from harness.plan.leaves import DatasetLeaf, Leaves
from harness.plan.placement import ChainBuilder
from harness.plan.plan import Chain, Plan, Target
from harness.plan.scores import ceilings, context_spans, index_recall, scores
from harness.plan.wiring import wire
from harness.stage import Node, walk
from harness.suite import Step, Suite, System


def make_plan(suite: Suite, leaves: Leaves, only: Collection[str] | None = None) -> Plan:
    """Wire the systems of a suite (`only` those named) on every data set. Raises SuiteError for wrong wiring."""
    systems = [system for name, system in suite.systems.items() if only is None or name in only]
    chains: dict[tuple[str, str], Chain] = {}
    targets = [
        _ChainBuilder(suite, leaves, collection, chains).target(system)
        for collection in leaves.collections.values()
        for system in systems
        if collection.name not in suite.tuning_datasets
    ]
    if not targets:
        tuning = ", ".join(map(repr, sorted(suite.tuning_datasets)))
        why = f"; for tuning only: {tuning}" if tuning else ""
        raise SuiteError(f"no system of the suite is left to run{why}", Place(str(suite.file)))
    nodes = [node for target in targets for node in walk(*target.outputs)]
    distinct = {node.fingerprint: node for node in nodes}
    return Plan(suite, leaves, nodes=tuple(distinct.values()), targets=tuple(targets), requested=len(nodes))


@dataclass(frozen=True)
class _ChainBuilder:
    suite: Suite
    leaves: Leaves
    collection: DatasetLeaf
    chains: dict[tuple[str, str], Chain]
    """The chains that were built, by data set and system; all builders of a plan share it."""

    def target(self, system: System) -> Target:
        """Return the target of a system. Raises SuiteError unless the system ends with a run of documents."""
        chain = self._complete(system.name)
        if chain.run is None:
            raise SuiteError(f"the system {system.name!r} ends without a search", system.place)
        if chain.run_passages is not None:
            raise SuiteError(
                f"the system {system.name!r} ends with a Run of Passages, but must end with a Run of documents: "
                "add {collapse: max}; measures of spans score the passages before it",
                system.place,
            )
        return Target(
            dataset=self.collection.name,
            system=system.name,
            chain=chain,
            run=chain.run,
            scores={name: self.scores(chain, name, system.place) for name in self.suite.measures},
            index_recall=index_recall(chain.run, self.collection.ignore_identical_ids),
            ceilings=tuple(ceilings(chain.run, self.collection, self.suite)),
            context_spans=context_spans(chain, self.collection),
        )

    def chain(self, name: str) -> Chain:
        return replace(self._complete(name), contexts=None)

    def model(self, step: Step) -> Node | None:
        return self.leaves.models[step.model].node if step.model else None

    def run_file(self, step: Step) -> Node:
        return self.leaves.runfiles[self.collection.name, step.word].node

    def on(self, dataset: str, step: Step) -> ChainBuilder:
        if dataset not in self.leaves.collections:
            raise SuiteError(f"tune, train: the plan does not have the data set {dataset!r}", step.place)
        return replace(self, collection=self.leaves.collections[dataset])

    def scores(self, chain: Chain, measure: str, place: Place) -> Node:
        return scores(chain, self.collection, measure, place)

    def _complete(self, name: str) -> Chain:
        """Return the chain of a system with its contexts; the systems that it is built from are built first."""
        dataset = self.collection.name
        if (dataset, name) not in self.chains:
            for system in self.suite.closure([name]).values():
                if (dataset, system.name) not in self.chains:
                    self.chains[dataset, system.name] = self._wired(system)
        return self.chains[dataset, name]

    def _wired(self, system: System) -> Chain:
        leaf = self.collection
        chain = Chain(
            corpus=leaf.corpus,
            queries=leaf.queries,
            docs=leaf.corpus,
            search_queries=(leaf.queries,),
            ignore_identical_ids=leaf.ignore_identical_ids,
        )
        for step in system.steps:
            chain = wire(step, chain, self)
        return chain
