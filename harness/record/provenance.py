"""Where numbers come from: what run.json says of suite, code, machine, data, models, definitions and systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from harness import __version__, machine
from harness.measures.definition import definition
from harness.plan import Plan, Target, answer_nodes
from harness.plan.leaves import DatasetLeaf
from harness.plan.prompts import prompts_of_system
from harness.prices import Prices
from harness.record.warnings import warnings
from harness.results import Measurement
from harness.stage import Runtime
from harness.stage.describe import describe_node


@dataclass(frozen=True)
class Invocation:
    """What a record says of the run itself besides its plan: when it began, how it was called, how it ran."""

    started: datetime
    command: str
    runtime: Runtime
    prices: Prices | None = None
    """For the report, in the place of the suite's."""


def facts(plan: Plan, job: Invocation, ended: datetime, rows: list[Measurement]) -> dict[str, Any]:
    """Put together what run.json says of a plan that was carried out, and what `rows` say of its expectations."""
    suite = plan.suite
    failed = any(row.status == "failed" for row in rows)
    prices = job.prices or suite.prices
    return {
        "suite": {
            "name": suite.name,
            "file": suite.file.name,
            "text": suite.text,
            "fingerprint": suite.fingerprint,
        },
        "harness": {"version": __version__, "commit": machine.harness_commit()},
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
        "datasets": {collection.name: about(plan, collection) for collection in used(plan)},
        "models": {name: model(plan, name) for name in plan.leaves.models},
        "measures": list(suite.measures),
        "definitions": {name: definition(name) for name in suite.measures},
        "systems": {target.system: system(plan, target) for target in plan.targets},
        "checks": list(checks(plan, rows)),
        "warnings": warnings(plan, rows),
        "services": services(plan),
        "prices": prices.words() if prices else {},
    }


def used(plan: Plan) -> list[DatasetLeaf]:
    """Return the data sets of the plan's targets, in the order of the suite."""
    names = {target.dataset for target in plan.targets}
    return [collection for name, collection in plan.leaves.collections.items() if name in names]


def about(plan: Plan, collection: DatasetLeaf) -> dict[str, Any]:
    """Say what a data set is: where it came from, how large it is, the checksums of its parts, what is odd."""
    said = dict(plan.suite.words["datasets"][collection.name])
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
        **({"spans": contents["spans"]} if "spans" in contents else {}),
        "notes": collection.facts["notes"],
        "origin": collection.facts.get("origin", {}),
        "ignore_identical_ids": collection.ignore_identical_ids,
        "hygiene": collection.facts["hygiene"],
    }


def model(plan: Plan, name: str) -> dict[str, Any]:
    """Say which weights a model of the suite is."""
    weighed = plan.leaves.models[name]
    said = weighed.spec.model_dump(exclude_none=True, exclude={"path", "revision"})
    place = {"path": plan.suite.words["models"][name]["path"], "revision": weighed.model.revision}
    return place | {"content": weighed.node.stage.recipe["content"], "pinned": weighed.pinned} | said


def system(plan: Plan, target: Target) -> dict[str, Any]:
    """Say what a system does: its words, its chain of stages, the prompts of its encoders."""
    chain = dict.fromkeys(describe_node(node) for node in answer_nodes(target.run) if node.stage.role != "source")
    words = plan.suite.systems[target.system].words
    prompts = [spoken.document() for spoken in prompts_of_system(target, plan.leaves)]
    return {"stages": [dict(word) for word in words], "provenance": " → ".join(chain), "prompts": prompts}


def services(plan: Plan) -> dict[str, str]:
    """Say which model answered each stage that asks a service, by the fingerprint of its node."""
    asked = ((node, node.stage.model_dump()) for node in plan.nodes)
    return {node.fingerprint: said["model"] for node, said in asked if said.get("base_url") and said.get("model")}


def checks(plan: Plan, rows: list[Measurement]) -> Iterator[dict[str, Any]]:
    """Hold the run against the numbers that the suite expects."""
    for wanted in plan.suite.expect:
        key = (wanted.dataset, wanted.system, wanted.measure)
        row = next((r for r in rows if (r.dataset, r.system, r.quantity) == key), None)
        if row is None:
            continue
        met = row.value is not None and abs(row.value - wanted.value) <= wanted.within
        status = "failed" if row.value is None else "met" if met else "missed"
        said = {"dataset": wanted.dataset, "system": wanted.system, "quantity": wanted.measure}
        numbers = {"expected": wanted.value, "within": wanted.within, "value": row.value}
        yield said | numbers | {"source": wanted.source, "status": status}
