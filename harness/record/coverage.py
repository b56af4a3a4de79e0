"""What stands beside the measures of a run: counts of what they rest on, and how run files of others fit the data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow.compute as pc

from harness.artifacts.run_lines import Fit
from harness.fingerprint import Fingerprint
from harness.measures.judgements import Judgements, resolve
from harness.measures.scoring.counts import Counts, count_run
from harness.measures.scoring.parse import parse, required_depth
from harness.plan import Plan, Target, walk
from harness.stage import Node


class Fitted(NamedTuple):
    """A run file in a system, and how it fits the data set."""

    target: Target
    source: Node
    fit: Fit


class RunCoverage:
    """Reads what the systems of a plan gave, by `load`; `failed` are the nodes that there are not."""

    def __init__(self, plan: Plan, failed: Collection[Fingerprint], load: Callable[[Node], Any]) -> None:
        self.plan, self.failed, self.load = plan, failed, load
        self.judgements: dict[str, Judgements] = {}

    def census(self, target: Target) -> Counts:
        """Count queries without an answer, ties at the cut and unjudged documents of one system."""
        if target.dataset not in self.judgements:
            qrels = self.plan.leaves.collections[target.dataset].qrels
            parts = (self.load(node) for node in (target.chain.corpus, target.chain.queries, qrels))
            self.judgements[target.dataset] = resolve(*parts)
        asked = None
        found = target.run.stream[0] if target.run.stage.role == "filter" else target.run
        if found.stage.role == "runfile":
            named = self.load(found.inputs[1]).queries
            asked = pc.is_in(self.load(target.chain.queries).table["id"], value_set=named).to_numpy()
        measures = [parse(name) for name in target.scores]
        return count_run(measures, self.load(target.run), self.judgements[target.dataset], asked)

    @cached_property
    def fitted(self) -> list[Fitted]:
        """Every run file of every system that has a run."""
        found = []
        for target in self.plan.targets:
            for node in walk(target.run):
                if node.stage.role == "runfile" and node.fingerprint not in self.failed:
                    queries, source, corpus = map(self.load, node.inputs)
                    found.append(Fitted(target, node.inputs[1], source.fit(queries, corpus)))
        return found

    def runfiles(self) -> list[dict[str, Any]]:
        """Give what run.json says of the run files."""
        return [
            {"dataset": target.dataset, "system": target.system}
            | (self.plan.leaves.about(source.fingerprint) or {})
            | {"content": source.stage.recipe["content"]}
            | fit._asdict()
            for target, source, fit in self.fitted
        ]

    def caveats(self) -> Iterator[str]:
        """Say what a reader should know of run files before trusting their numbers."""
        deepest = max(required_depth(parse(name)) or 0 for name in self.plan.suite.measures)
        for target, _, fit in self.fitted:
            said = f"{target.system} on {target.dataset}: the run file"
            if fit.unknown_documents:
                yield (
                    f"{said} has {fit.unknown_documents} lines with documents that the corpus does not hold; "
                    "they are left out, and what stood below them moved up"
                )
            if fit.unknown_queries:
                yield f"{said} has {fit.unknown_queries} queries that the data set does not; they are left out"
            if fit.depth < deepest:
                yield f"{said} is {fit.depth} deep at most; measures at {deepest} take it as all that was found"
