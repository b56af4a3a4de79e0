"""Store to result files: the numbers of every system, and all that is needed to trust and to repeat them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness import machine
from harness.artifacts.judgements import Qrels, References
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.execute.outcome import Outcome
from harness.plan import Plan, Target
from harness.plan.leaves import DatasetLeaf
from harness.record import contexts as arranged
from harness.record.artifact_sizes import artifact_sizes, mismatches
from harness.record.coverage import RunCoverage
from harness.record.drafts import rewritten
from harness.record.passages import passage_files
from harness.record.provenance import Invocation, facts, used
from harness.record.quantities import quantities
from harness.record.tokens import TokenCounts
from harness.record.tuned import tuned_parameters
from harness.record.warnings import latency_warnings as caveats
from harness.results import PER_QUERY_SCHEMA, TAGS_SCHEMA, Measurement
from harness.results.measured import Measured
from harness.results.write import RunFile, write_results
from harness.stage import Node
from harness.statistics import Interval, mean_intervals
from harness.store import Store


def record(
    plan: Plan, outcome: Outcome, store: Store, job: Invocation, root: Path, measured: Measured | None = None
) -> Path:
    """Write `root/<suite>/<run>/` and return it. A system that failed gets rows that say so, never a number."""
    recorder = _Recorder(plan, outcome, store)
    rows = [row for target in plan.targets for row in recorder.rows(target)]
    rows += measured.rows if measured else []
    finished = [target for target in plan.targets if target.run.fingerprint not in outcome.failed]
    ended = datetime.now(UTC)
    run_id, folder = _free_folder(root / plan.suite.name, plan, ended)
    said = {"run": run_id, **facts(plan, job, ended, rows), "runfiles": recorder.beside.runfiles()}
    said["tuned"] = tuned_parameters(plan, outcome.failed, recorder.load)
    wrote = list(rewritten(plan, outcome.failed, recorder.load))
    said["rewritten"] = [one.said for one in wrote]
    said["warnings"] = [*said["warnings"], *recorder.beside.caveats(), *mismatches(finished, store)]
    if measured:
        said["latency"] = measured.said
        said["warnings"] += caveats(measured.said)
    files = (recorder.per_query(), recorder.tags(), recorder.runs(), recorder.qrels())
    return write_results(
        folder,
        said,
        rows,
        *files,
        passage_files(plan, outcome.failed, recorder.load),
        contexts=arranged.table(plan, outcome.failed, recorder.load),
        drafts={one.file: one.drafts for one in wrote},
        latency=measured.laps if measured else None,
    )


def _free_folder(parent: Path, plan: Plan, ended: datetime) -> tuple[str, Path]:
    """Name the run; two in one second do not share a folder: the later waits for the next second."""
    while True:
        run_id = f"{ended:%Y%m%dT%H%M%SZ}-{plan.fingerprint[:6]}"
        if not (parent / run_id).exists():
            return run_id, parent / run_id
        time.sleep(0.2)
        ended = datetime.now(UTC)


class _Recorder:
    """Reads what the systems of one plan gave, each thing once."""

    def __init__(self, plan: Plan, outcome: Outcome, store: Store) -> None:
        self.plan, self.outcome, self.store = plan, outcome, store
        self.machine = machine.describe().id
        self.tokens = TokenCounts(plan, store)
        self.beside = RunCoverage(plan, outcome.failed, self.load)
        self.values = {
            (target.dataset, target.system, name): self.load(node).values
            for target in plan.targets
            for name, node in target.numbers.items()
            if node.fingerprint not in outcome.failed
        }
        self.intervals = dict(self._intervals())

    def _intervals(self) -> Iterator[tuple[tuple[str, str, str], Interval]]:
        """Give the interval of every mean; all columns of one data set share their resamples."""
        for dataset in {key[0] for key in self.values}:
            keys = [key for key in self.values if key[0] == dataset]
            yield from zip(keys, mean_intervals(np.stack([self.values[key] for key in keys], axis=1)), strict=True)

    def load(self, node: Node) -> Any:
        return self.store.load(node.fingerprint, node.gives)

    def rows(self, target: Target) -> Iterator[Measurement]:
        """Give the rows of one system on one data set: its measures, its sizes, its stages."""
        for name, node in target.numbers.items():
            yield self.measured(target, name, node)
        yield from self.contexts(target)
        if target.run.fingerprint not in self.outcome.failed:
            yield from self.counts(target)
            yield from self.ceilings(target)
            sizes = artifact_sizes(target, self.store)
            for said in (*quantities(target, self.store), *sizes, *self.tokens.of(target)):
                yield self.row(target, *said)

    def measured(self, target: Target, name: str, node: Node) -> Measurement:
        """Give the mean of a measure with its interval, or the failure in its place."""
        reason = self.outcome.failed.get(node.fingerprint)
        if reason is not None:
            return self.row(target, node, name, None, "", status="failed", reason=reason)
        interval = self.intervals[target.dataset, target.system, name]
        return self.row(target, node, name, interval.mean, "", n=interval.n, low=interval.low, high=interval.high)

    def contexts(self, target: Target) -> Iterator[Measurement]:
        """Give how much a reader gets, or the failure in its place; nothing where the system does not arrange."""
        node = target.chain.contexts
        if node is None:
            return
        reason = self.outcome.failed.get(node.fingerprint)
        if reason is not None:
            yield self.row(target, node, "context_tokens", None, "tokens/query", status="failed", reason=reason)
            return
        for said in arranged.quantities(node, self.load(node)):
            yield self.row(target, *said)

    def counts(self, target: Target) -> Iterator[Measurement]:
        """Give what stands beside the measures: queries without an answer, ties at the cut, unjudged documents."""
        census = self.beside.census(target)
        for quantity, value, unit in census.quantities():
            yield self.row(target, target.run, quantity, value, unit, n=census.n_queries)

    def ceilings(self, target: Target) -> Iterator[Measurement]:
        """Give what a perfect reranker would have reached with the documents that each reranker was given."""
        for reranker, node in target.ceilings:
            said = node.stage.model_dump()
            quantity, stage = f"ceiling@{said['depth']}_{said['measure']}", f"{reranker.role}/{reranker.name}"
            reason = self.outcome.failed.get(node.fingerprint)
            if reason is not None:
                yield self.row(target, node, quantity, None, "", stage, status="failed", reason=reason)
                continue
            values = self.load(node).values
            judged = values[~np.isnan(values)]
            if len(judged):
                yield self.row(target, node, quantity, float(judged.mean()), "", stage, n=len(judged))

    def row(
        self,
        target: Target,
        node: Node,
        quantity: str,
        value: float | None,
        unit: str,
        stage: str | None = None,
        machine_id: str | None = None,
        n: int | None = None,
        low: float | None = None,
        high: float | None = None,
        status: str = "ok",
        reason: str | None = None,
    ) -> Measurement:
        return Measurement(
            dataset=target.dataset,
            system=target.system,
            stage=stage,
            quantity=quantity,
            value=value,
            unit=unit,
            n=n,
            low=low,
            high=high,
            status=status,
            reason=reason,
            fingerprint=node.fingerprint,
            machine=machine_id or self.machine,
        )

    def per_query(self) -> pa.Table:
        """Give every value of every judged query."""
        ids = {
            name: self.load(c.queries).table["id"].combine_chunks() for name, c in self.plan.leaves.collections.items()
        }
        tables = []
        for (dataset, system, measure), values in self.values.items():
            judged = ~np.isnan(values)
            count = int(judged.sum())
            said = {"dataset": dataset, "system": system, "quantity": measure}
            columns = {key: pa.repeat(pa.scalar(value), count) for key, value in said.items()}
            columns |= {"query_id": ids[dataset].filter(pa.array(judged)), "value": values[judged]}
            tables.append(pa.table(columns).select(PER_QUERY_SCHEMA.names).cast(PER_QUERY_SCHEMA))
        return pa.concat_tables(tables) if tables else PER_QUERY_SCHEMA.empty_table()

    def tags(self) -> pa.Table | None:
        """Give the tags of the queries, for the data sets that have any."""
        found = [
            (collection.name, query_id, tag)
            for collection in used(self.plan)
            if collection.references is not None
            for tag, ids in self.references(collection).tags().items()
            for query_id in ids
        ]
        return pa.table(list(map(list, zip(*found, strict=True))), schema=TAGS_SCHEMA) if found else None

    def references(self, collection: DatasetLeaf) -> References:
        node = collection.references
        assert node is not None  # noqa: S101  asked for above
        if self.store.usable(node.fingerprint):
            return self.store.load(node.fingerprint, References)
        found = self.plan.leaves.loader(node.fingerprint)()
        assert isinstance(found, References)  # noqa: S101  what this leaf holds
        return found

    def runs(self) -> Iterator[RunFile]:
        """Give the run of every system that has one."""
        for target in self.plan.targets:
            if target.run.fingerprint in self.outcome.failed:
                continue
            corpus: Corpus = self.load(target.chain.corpus)
            queries: Queries = self.load(target.chain.queries)
            run: Run = self.load(target.run)
            yield RunFile(target.dataset, target.system, queries.table["id"], corpus.table["id"], run)

    def qrels(self) -> dict[str, Qrels]:
        """Give the judgements of every data set."""
        return {collection.name: self.load(collection.qrels) for collection in used(self.plan)}
