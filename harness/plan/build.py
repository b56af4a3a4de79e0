"""Suite to Plan: every system laid on every data set, and the distinct stages of all of them, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.errors import Place, SuiteError
from harness.plan.leaves import DatasetLeaf, Leaves
from harness.plan.plan import Chain, Plan, Target
from harness.plan.scores import ceilings, context_spans, index_recall, scores
from harness.plan.wiring import wire
from harness.stage import Node, walk
from harness.suite import Step, Suite, System


def make_plan(suite: Suite, leaves: Leaves, only: Callable[[str, str], bool] = lambda _dataset, _system: True) -> Plan:
    """Lay every system on every data set (those that `only` lets through). Raises SuiteError for wrong wiring."""
    targets = [
        _target(suite, leaves, collection, system)
        for collection in leaves.collections.values()
        for system in suite.systems.values()
        if collection.name not in suite.trained and only(collection.name, system.name)
    ]
    if not targets:
        tuned = f"; {', '.join(map(repr, sorted(suite.trained)))}: for tuning only" if suite.trained else ""
        raise SuiteError(f"no system of the suite is left to run{tuned}", Place(str(suite.file)))
    asked = [node for target in targets for node in walk(*target.outputs)]
    unique = {node.fingerprint: node for node in asked}
    return Plan(suite, leaves, tuple(unique.values()), tuple(targets), len(asked))


def _target(suite: Suite, leaves: Leaves, collection: DatasetLeaf, system: System) -> Target:
    lay = _ChainBuilder(suite, leaves, collection)
    line = lay.whole(system.name)
    if line.run is None:
        raise SuiteError(f"the system {system.name!r} ends without a search", system.place)
    if line.found is not None:
        raise SuiteError(
            f"the system {system.name!r} ends with a Run of Passages, and a system answers with documents: "
            "end it with {collapse: max}; measures of spans look at the passages before it",
            system.place,
        )
    return Target(
        collection.name,
        system.name,
        line,
        line.run,
        {name: lay.scores(line, name, system.place) for name in suite.measures},
        index_recall(line.run, collection.ignore_identical_ids),
        tuple(ceilings(line.run, collection, suite)),
        context_spans(line, collection),
    )


@dataclass(frozen=True)
class _ChainBuilder:
    suite: Suite
    leaves: Leaves
    collection: DatasetLeaf

    def __call__(self, name: str) -> Chain:
        return replace(self.whole(name), contexts=None)

    def whole(self, name: str) -> Chain:
        """Return the line at the end of the system, with its contexts."""
        found = self.collection
        line = Chain(
            found.corpus,
            found.queries,
            docs=found.corpus,
            asks=found.queries,
            ignore_identical_ids=found.ignore_identical_ids,
        )
        for step in self.suite.systems[name].steps:
            model = self.leaves.models[step.model].node if step.model else None
            runfile = self.leaves.runfiles[found.name, step.word].node if step.role == "runfile" else None
            line = wire(step, replace(line, model=model, runfile=runfile), self)
        return line

    def on(self, dataset: str, step: Step) -> _ChainBuilder:
        if dataset not in self.leaves.collections:
            raise SuiteError(f"tune, train: the data set {dataset!r} is not among those given here", step.place)
        return replace(self, collection=self.leaves.collections[dataset])

    def scores(self, line: Chain, measure: str, place: Place) -> Node:
        return scores(line, self.collection, measure, place)
