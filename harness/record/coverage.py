"""How runs cover the judged queries, and how run files of other systems fit the data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow.compute as pc

from harness.artifacts.run_lines import Fit
from harness.measures.judgements import Judgements, resolve
from harness.measures.scoring.counts import count_run
from harness.measures.scoring.parse import parse
from harness.plan import Target, walk
from harness.record.made import Made
from harness.results import Measurement
from harness.stage import Node
from harness.stage.node import unfiltered


class Coverage:
    """Counts the judged queries of each system; the judgements of a data set are resolved once."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self._judgements: dict[str, Judgements] = {}

    def rows(self, target: Target) -> Iterator[Measurement]:
        """Yield the queries without an answer, ties at the cut-off and unjudged documents of one system."""
        queries_in_run = None
        run = unfiltered(target.run)
        if run.stage.role == "runfile":
            named = self.made.load(run.inputs[1]).queries
            queries_in_run = pc.is_in(self.made.load(target.chain.queries).table["id"], value_set=named).to_numpy()
        measures = [parse(name) for name in target.scores]
        counts = count_run(measures, self.made.load(target.run), self._resolve(target), queries_in_run)
        for quantity, value, unit in counts.quantities():
            yield Measurement.of(target, quantity, value, unit, n=counts.n_queries)

    def _resolve(self, target: Target) -> Judgements:
        if target.dataset not in self._judgements:
            qrels = self.made.plan.leaves.collections[target.dataset].qrels
            parts = (self.made.load(node) for node in (target.chain.corpus, target.chain.queries, qrels))
            self._judgements[target.dataset] = resolve(*parts)
        return self._judgements[target.dataset]


class FittedRunFile(NamedTuple):
    """A run file in a system, and how it fits the data set."""

    target: Target
    source: Node
    fit: Fit


def fit_run_files(made: Made) -> list[FittedRunFile]:
    """Return every run file of every system, as far as the files could be read."""
    fitted = []
    for target in made.plan.targets:
        for node in walk(target.run):
            if node.stage.role == "runfile" and node.fingerprint not in made.failed:
                queries, source, corpus = map(made.load, node.inputs)
                fitted.append(FittedRunFile(target, node.inputs[1], source.fit(queries, corpus)))
    return fitted


def run_file_facts(made: Made, run_file: FittedRunFile) -> dict[str, Any]:
    """Return the entry of a run file in run.json."""
    target, source, fit = run_file
    return (
        {"dataset": target.dataset, "system": target.system}
        | (made.plan.leaves.about(source.fingerprint) or {})
        | {"content": source.stage.recipe["content"]}
        | fit._asdict()
    )
