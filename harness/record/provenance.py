"""Where the numbers come from, as run.json holds it: suite, code, machine, data, models, definitions, systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime

from harness import __version__, machine
from harness.measures.definition import definition
from harness.plan import Plan, Target, answer_nodes
from harness.plan.leaves import DatasetLeaf, ModelLeaf
from harness.plan.prompts import prompts_of_system
from harness.prices import Prices
from harness.record.made import Made
from harness.results import Measurement
from harness.results.facts import (
    CheckFacts,
    DatasetFacts,
    HarnessFacts,
    HygieneFacts,
    MachineFacts,
    ModelFacts,
    RunFacts,
    RuntimeFacts,
    StagePrompts,
    SuiteFacts,
    SystemFacts,
)
from harness.stage import Runtime
from harness.stage.describe import describe_node


@dataclass(frozen=True)
class Invocation:
    """When and how a run was invoked. Create it first: `commit` is the checkout at that moment."""

    started: datetime
    command: str
    runtime: Runtime
    prices: Prices | None = None
    """Prices for the report, instead of the suite's."""
    commit: str | None = field(default_factory=machine.harness_commit)
    """The commit of the harness's own checkout; None if it was installed otherwise."""


def provenance(
    made: Made, invocation: Invocation, ended: datetime, rows: list[Measurement], warnings: list[str]
) -> RunFacts:
    """Return the part of run.json that says where the numbers come from, and whether `rows` meet the expectations."""
    plan, suite = made.plan, made.plan.suite
    failed = any(row.status == "failed" for row in rows)
    prices = invocation.prices or suite.prices
    return RunFacts(
        suite=SuiteFacts(name=suite.name, file=suite.file.name, text=suite.text, fingerprint=suite.fingerprint),
        harness=HarnessFacts(version=__version__, commit=invocation.commit),
        command=invocation.command,
        started=invocation.started.isoformat(timespec="seconds"),
        ended=ended.isoformat(timespec="seconds"),
        status="failed" if failed else "complete",
        machine=MachineFacts(**asdict(machine.describe())),
        runtime=RuntimeFacts(
            device=invocation.runtime.device,
            threads=invocation.runtime.threads,
            default_precision=f"{suite.precision.name}: {suite.precision.why}",
        ),
        libraries=machine.library_versions(),
        datasets={dataset.name: _dataset(plan, dataset) for dataset in made.datasets},
        models={name: _model(plan, model) for name, model in plan.leaves.models.items()},
        measures=list(suite.measures),
        definitions={name: definition(name) for name in suite.measures},
        systems={target.system: _system(plan, target) for target in plan.targets},
        checks=list(_checks(plan, rows)),
        warnings=warnings,
        services=_services(plan),
        prices=prices.words() if prices else {},
    )


def _dataset(plan: Plan, dataset: DatasetLeaf) -> DatasetFacts:
    """Return where a data set came from, its size, the checksums of its parts, and its oddities."""
    settings = dict(plan.suite.words["datasets"][dataset.name])
    counts, contents = dataset.facts["counts"], dataset.facts["contents"]
    return DatasetFacts(
        source=settings.pop("source"),
        settings=settings,
        documents=counts["corpus"],
        queries=counts["queries"],
        judgements=counts["qrels"],
        corpus=contents["corpus"],
        queries_checksum=contents["queries"],
        qrels=contents["qrels"],
        **({"spans": contents["spans"]} if "spans" in contents else {}),
        notes=dataset.facts["notes"],
        origin=dataset.facts.get("origin", {}),
        ignore_identical_ids=dataset.ignore_identical_ids,
        hygiene=HygieneFacts(**dataset.facts["hygiene"]),
    )


def _model(plan: Plan, model: ModelLeaf) -> ModelFacts:
    """Return which weights a model of the suite has, and its settings."""
    settings = model.spec.model_dump(exclude_none=True, exclude={"path", "revision"})
    return ModelFacts(
        path=plan.suite.words["models"][model.name]["path"],
        revision=model.model.revision,
        content=model.node.stage.recipe["content"],
        pinned=model.pinned,
        **settings,
    )


def _system(plan: Plan, target: Target) -> SystemFacts:
    """Return a system's steps in the suite, its chain of stages, and the prompts of its encoders."""
    chain = dict.fromkeys(describe_node(node) for node in answer_nodes(target.run) if node.stage.role != "source")
    steps = [dict(step) for step in plan.suite.systems[target.system].words]
    prompts = [StagePrompts(**prompts.document()) for prompts in prompts_of_system(target, plan.leaves)]
    return SystemFacts(stages=steps, provenance=" → ".join(chain), prompts=prompts)


def _services(plan: Plan) -> dict[str, str]:
    """Return the model behind each stage that calls a service, by the fingerprint of its node."""
    settings = ((node.fingerprint, node.stage.model_dump()) for node in plan.nodes)
    return {name: each["model"] for name, each in settings if each.get("base_url") and each.get("model")}


def _checks(plan: Plan, rows: Iterable[Measurement]) -> Iterator[CheckFacts]:
    """Compare the run with the numbers that the suite expects."""
    values = {(row.dataset, row.system, row.quantity): row.value for row in rows if row.stage is None}
    for expected in plan.suite.expect:
        key = (expected.dataset, expected.system, expected.measure)
        if key not in values:
            continue
        value = values[key]
        met = value is not None and abs(value - expected.value) <= expected.within
        yield CheckFacts(
            dataset=expected.dataset,
            system=expected.system,
            quantity=expected.measure,
            expected=expected.value,
            within=expected.within,
            value=value,
            source=expected.source,
            status="failed" if value is None else "met" if met else "missed",
        )
