"""Shows a plan as `harness plan` does: as a table for people or as a document for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from harness.meter import duration
from harness.plan import Plan
from harness.plan.dry_run import Prospect, total
from harness.plan.prompts import StagePrompts, prompts_of_plan
from harness.record.warnings import model_warnings, stage_warnings
from harness.stage.describe import describe_node, describe_side


def as_table(plan: Plan, prospects: list[Prospect]) -> Iterator[Any]:
    """Yield what a person reads: a table with one row per stage, the number of scores, a summary, prompts and notes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("stage", "left"), ("rows", "right"), ("state", "left"), ("time", "right"), ("for", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    table.add_column("why", overflow="fold")
    for prospect in prospects:
        if prospect.node.stage.role != "score":
            table.add_row(*(Text(cell) for cell in _cells(prospect)))
    yield table
    yield Text(_scores(prospects))
    yield Text(_summary(plan, prospects))
    for prompts, systems in prompts_of_plan(plan):
        yield Text(_prompts(prompts, systems))
    for line in _notes(plan):
        yield Text(line)


def _cells(prospect: Prospect) -> list[str]:
    systems = ", ".join(prospect.systems[:2]) + (f" +{len(prospect.systems) - 2}" if len(prospect.systems) > 2 else "")
    rows = "?" if prospect.rows is None else str(prospect.rows)
    title = describe_node(prospect.node) + describe_side(prospect.node)
    return [title, rows, prospect.state, _time(prospect), systems, prospect.why]


def _time(prospect: Prospect) -> str:
    if prospect.state != "made":
        return ""
    return "?" if prospect.seconds is None else duration(prospect.seconds)


def _scores(prospects: list[Prospect]) -> str:
    scores = [prospect for prospect in prospects if prospect.node.stage.role == "score"]
    made = sum(prospect.state == "made" for prospect in scores)
    return f"scores: {len(scores)}, of which {made} would be made"


def _summary(plan: Plan, prospects: list[Prospect]) -> str:
    seconds, unknown = total(prospects)
    made = sum(prospect.state == "made" for prospect in prospects)
    text = (
        f"{len(plan.targets)} systems use {plan.requested} stages; {len(plan.nodes)} are distinct, {made} would be made"
    )
    if not made:
        return text
    known = sum(p.state == "made" and p.seconds is not None for p in prospects)
    if known:
        text += f" in about {duration(seconds)}, according to the records of this machine"
    return text + (f"; {unknown} of them have no record here" if unknown else "")


def _prompts(prompts: StagePrompts, systems: list[str]) -> str:
    sides = ", ".join(f"{side}: {prompt}" for side, prompt in prompts.sides)
    return f"prompts of {prompts.title} in {', '.join(systems)}: {sides}"


def _notes(plan: Plan) -> Iterator[str]:
    choice = plan.suite.precision
    for model in plan.leaves.models.values():
        if model.spec.precision is None:
            yield f"no precision is set for the model {model.name!r}; using {choice.name}: {choice.why}"
    for collection in plan.leaves.collections.values():
        if not collection.known:
            yield f"the data set {collection.name!r} is not on this machine; it is fetched when the suite runs"
            continue
        for finding in collection.facts["hygiene"]["findings"]:
            yield f"anomaly in the data set {collection.name!r}: {finding}"
    for model in plan.leaves.models.values():
        if not model.at_hand:
            where = f"the model {model.name!r} ({model.spec.path})"
            yield f"{where} is not on this machine; it is fetched when the suite runs"
    yield from model_warnings(plan)
    yield from stage_warnings(plan)


def as_document(plan: Plan, prospects: list[Prospect]) -> dict[str, Any]:
    """Return what a program reads."""
    seconds, unknown = total(prospects)
    return {
        "suite": plan.suite.name,
        "plan": plan.fingerprint,
        "asked": plan.requested,
        "made": sum(prospect.state == "made" for prospect in prospects),
        "seconds": round(seconds, 3),
        "without_record": unknown,
        "prompts": [prompts.document() | {"systems": systems} for prompts, systems in prompts_of_plan(plan)],
        "notes": list(_notes(plan)),
        "stages": [
            {
                "fingerprint": prospect.node.fingerprint,
                "stage": prospect.node.name,
                "title": describe_node(prospect.node),
                "settings": prospect.node.stage.model_dump(mode="json"),
                "rows": prospect.rows,
                "state": prospect.state,
                "why": prospect.why,
                "seconds": prospect.seconds,
                "systems": list(prospect.systems),
            }
            for prospect in prospects
        ],
    }
