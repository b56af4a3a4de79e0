"""Store to result files: the numbers of every system, and all that is needed to trust and to repeat them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness import __version__, machine
from harness.artifacts.judgements import Qrels, References
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.beside import Beside
from harness.execute.local import Outcome
from harness.measures.definition import definition
from harness.plan import Plan, Target, walk
from harness.results import PER_QUERY_SCHEMA, TAGS_SCHEMA, Measurement, RunFile, write_results
from harness.sources import Collection
from harness.stage import Node, Runtime
from harness.statistics import Interval, mean_intervals
from harness.store import Store
from harness.words import describe_node


@dataclass(frozen=True)
class Job:
    """What a record says of the run itself besides its plan: when it began, how it was called, how it ran."""

    started: datetime
    command: str
    runtime: Runtime


def record(plan: Plan, outcome: Outcome, store: Store, job: Job, root: Path) -> Path:
    """Write `root/<suite>/<run>/` and return it. A system that failed gets rows that say so, never a number."""
    recorder = _Recorder(plan, outcome, store)
    rows = [row for target in plan.targets for row in recorder.rows(target)]
    ended = datetime.now(UTC)
    run_id, folder = _free_folder(root / plan.suite.name, plan, ended)
    facts = recorder.facts(job, ended, rows) | {"run": run_id}
    return write_results(folder, facts, rows, recorder.per_query(), recorder.tags(), recorder.runs(), recorder.qrels())


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
        self.beside = Beside(plan, outcome.failed, self.load)
        self.values = {
            (target.dataset, target.system, name): self.load(node).values
            for target in plan.targets
            for name, node in target.scores.items()
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
        for name, node in target.scores.items():
            yield self.measured(target, name, node)
        if target.run.fingerprint not in self.outcome.failed:
            yield from self.counts(target)
            yield from self.sizes(target)
            yield from self.stages(target)

    def measured(self, target: Target, name: str, node: Node) -> Measurement:
        """Give the mean of a measure with its interval, or the failure in its place."""
        reason = self.outcome.failed.get(node.fingerprint)
        if reason is not None:
            return self.row(target, node, name, None, "", status="failed", reason=reason)
        interval = self.intervals[target.dataset, target.system, name]
        return self.row(target, node, name, interval.mean, "", n=interval.n, low=interval.low, high=interval.high)

    def counts(self, target: Target) -> Iterator[Measurement]:
        """Give what stands beside the measures: queries without an answer, ties at the cut, unjudged documents."""
        census = self.beside.census(target)
        for quantity, value, unit in census.quantities():
            yield self.row(target, target.run, quantity, value, unit, n=census.n_queries)

    def sizes(self, target: Target) -> Iterator[Measurement]:
        """Give the bytes of the system's indexes, and what its document vectors take."""
        indexes = [node for node in walk(target.run) if node.stage.role == "index"]
        if indexes and all(node.fingerprint in self.store for node in indexes):
            count = sum(self.store.bytes(node.fingerprint) for node in indexes)
            yield self.row(target, target.run, "index_bytes", count, "bytes")
        docs = target.line.docs
        if docs.gives is Vectors and docs.fingerprint in self.store:
            array = self.load(docs).array
            yield self.row(target, docs, "dimensions", array.shape[1], "dimensions")
            yield self.row(target, docs, "vector_bytes", array.shape[1] * array.itemsize, "bytes/document")

    def stages(self, target: Target) -> Iterator[Measurement]:
        """Give the throughput of stages from their cost records: what they took when made, wherever that was."""
        for node in walk(target.run):
            costs = self.store.costs(node.fingerprint)
            if not costs or not costs[-1].call_seconds:
                continue
            cost, stage = costs[-1], f"{node.stage.role}/{node.stage.name}"
            if node.stage.role == "encode" and issubclass(node.stream[0].gives, Corpus):
                rate = cost.items / cost.call_seconds
                unit = f"{'documents' if node.stream[0].gives is Corpus else 'passages'}/s"
                yield self.row(target, node, "encode_rate", rate, unit, stage, cost.machine, cost.items)
            elif node.stage.role == "index":
                yield self.row(target, node, "build_seconds", cost.call_seconds, "s", stage, cost.machine, cost.items)

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
            for collection in self.collections()
            if collection.references is not None
            for tag, ids in self.references(collection).tags().items()
            for query_id in ids
        ]
        return pa.table(list(map(list, zip(*found, strict=True))), schema=TAGS_SCHEMA) if found else None

    def references(self, collection: Collection) -> References:
        node = collection.references
        assert node is not None  # noqa: S101  asked for above
        if self.store.usable(node.fingerprint):
            return self.store.load(node.fingerprint, References)
        found = self.plan.leaves.loader(node.fingerprint)()
        assert isinstance(found, References)  # noqa: S101  what this leaf holds
        return found

    def collections(self) -> list[Collection]:
        used = {target.dataset for target in self.plan.targets}
        return [collection for name, collection in self.plan.leaves.collections.items() if name in used]

    def runs(self) -> Iterator[RunFile]:
        """Give the run of every system that has one."""
        for target in self.plan.targets:
            if target.run.fingerprint in self.outcome.failed:
                continue
            corpus: Corpus = self.load(target.line.corpus)
            queries: Queries = self.load(target.line.queries)
            run: Run = self.load(target.run)
            yield RunFile(target.dataset, target.system, queries.table["id"], corpus.table["id"], run)

    def qrels(self) -> dict[str, Qrels]:
        """Give the judgements of every data set."""
        return {collection.name: self.load(collection.qrels) for collection in self.collections()}

    def facts(self, job: Job, ended: datetime, rows: list[Measurement]) -> dict[str, Any]:
        """Put together run.json."""
        suite = self.plan.suite
        failed = any(row.status == "failed" for row in rows)
        return {
            "suite": {
                "name": suite.name,
                "file": suite.file.name,
                "text": suite.text,
                "fingerprint": suite.fingerprint,
            },
            "harness": {"version": __version__, "commit": machine.harness_commit(Path(__file__).parent)},
            "command": job.command,
            "started": job.started.isoformat(timespec="seconds"),
            "ended": ended.isoformat(timespec="seconds"),
            "status": "failed" if failed else "complete",
            "machine": asdict(machine.describe()),
            "runtime": {
                "device": job.runtime.device,
                "threads": job.runtime.threads,
                "default_precision": f"{suite.precision.name}: {suite.precision.why}",
            },
            "libraries": machine.library_versions(),
            "datasets": {collection.name: self.about(collection) for collection in self.collections()},
            "models": {name: self.model(name) for name in self.plan.leaves.models},
            "measures": list(suite.measures),
            "definitions": {name: definition(name) for name in suite.measures},
            "systems": {target.system: self.system(target) for target in self.plan.targets},
            "checks": list(self.checks(rows)),
            "runfiles": self.beside.runfiles(),
            "warnings": [*self.warnings(), *self.beside.doubts()],
        }

    def about(self, collection: Collection) -> dict[str, Any]:
        said = dict(self.plan.suite.words["datasets"][collection.name])
        counts, contents = collection.facts["counts"], collection.facts["contents"]
        return {
            "source": said.pop("source"),
            "settings": said,
            "documents": counts["corpus"],
            "queries": counts["queries"],
            "judgements": counts["qrels"],
            "corpus": contents["corpus"],
            "queries_checksum": contents["queries"],
            "qrels": contents["qrels"],
            "notes": collection.facts["notes"],
            "origin": collection.facts.get("origin", {}),
            "ignore_identical_ids": collection.ignore_identical_ids,
            "hygiene": collection.facts["hygiene"],
        }

    def model(self, name: str) -> dict[str, Any]:
        weighed = self.plan.leaves.models[name]
        said = weighed.spec.model_dump(exclude_none=True, exclude={"path", "revision"})
        place = {"path": self.plan.suite.words["models"][name]["path"], "revision": weighed.model.revision}
        return place | {"content": weighed.node.stage.recipe["content"], "pinned": weighed.pinned} | said

    def system(self, target: Target) -> dict[str, Any]:
        chain = dict.fromkeys(describe_node(node) for node in walk(target.run) if node.stage.role != "source")
        words = self.plan.suite.systems[target.system].words
        return {"stages": [dict(word) for word in words], "provenance": " → ".join(chain)}

    def checks(self, rows: list[Measurement]) -> Iterator[dict[str, Any]]:
        """Hold the run against the numbers that the suite expects."""
        for wanted in self.plan.suite.expect:
            key = (wanted.dataset, wanted.system, wanted.measure)
            row = next((r for r in rows if (r.dataset, r.system, r.quantity) == key), None)
            if row is None:
                continue
            met = row.value is not None and abs(row.value - wanted.value) <= wanted.within
            status = "failed" if row.value is None else "met" if met else "missed"
            said = {"dataset": wanted.dataset, "system": wanted.system, "quantity": wanted.measure}
            numbers = {"expected": wanted.value, "within": wanted.within, "value": row.value}
            yield said | numbers | {"source": wanted.source, "status": status}

    def warnings(self) -> list[str]:
        """Say what a reader should know before trusting the numbers."""
        unpinned = [name for name, weighed in self.plan.leaves.models.items() if not weighed.pinned]
        return [
            f"the model {name!r} is unpinned: give its revision, so that nobody gets other weights" for name in unpinned
        ]
