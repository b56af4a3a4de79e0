"""The prompts of a plan: which text comes before the queries and the documents of every system that encodes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from harness.models.prompts import OWN, SWAPPED, choose, of_folder
from harness.models.weights import folder_of
from harness.plan.leaves import Leaves, ModelLeaf
from harness.plan.plan import Plan, Target
from harness.stage import Encoder, Node, Rewriter
from harness.stage.base import SIDES, Side
from harness.stage.node import read_as, walk
from harness.stage.settings import HasModel


class Prompt(NamedTuple):
    """The prompt of a side. `text` is None if the model decides it and was not downloaded yet."""

    text: str | None
    source: str
    """Where it comes from: `suite`, `default`, `model`, or `model, swapped`."""

    def __str__(self) -> str:
        """Quote it, so that a space at its end can be seen.

        >>> str(Prompt("query: ", "model")), str(Prompt("", "suite")), str(Prompt(None, "model"))
        ('"query: " (model)', 'none (suite)', "the model's own (not fetched yet)")
        """
        if self.text is None:
            own = "the model's own of the other side" if self.source == f"{OWN}, {SWAPPED}" else "the model's own"
            return f"{own} (not fetched yet)"
        return f"{json.dumps(self.text, ensure_ascii=False) if self.text else 'none'} ({self.source})"


class StagePrompts(NamedTuple):
    """The prompts of an encoder of a system, or the instruction of its rewriter, with `{query}` in it."""

    stage: str
    """The stage as the suite writes it."""
    model: str | None
    sides: tuple[tuple[Side, Prompt], ...]

    @property
    def title(self) -> str:
        """The stage and its model."""
        return f"{self.stage} {self.model}" if self.model else self.stage

    def document(self) -> dict[str, Any]:
        """Return the prompts as run.json and `harness plan --json` contain them."""
        sides: dict[str, Any] = {side: {"text": prompt.text, "from": prompt.source} for side, prompt in self.sides}
        return {"stage": self.stage, "model": self.model, **sides}


def prompts_of_system(target: Target, leaves: Leaves) -> list[StagePrompts]:
    """Return the instructions of a system's rewriters and the prompts of its encoders, queries before documents."""
    prompts: dict[tuple[str, str | None], dict[Side, Prompt]] = {}
    for node in walk(target.run):
        stage, key = node.stage, (node.stage.word(), model_name(node, leaves))
        if isinstance(stage, Rewriter):
            source = "suite" if "instruction" in stage.model_fields_set else "default"
            prompts.setdefault(key, {})["query"] = Prompt(stage.instruction, source)
        if isinstance(stage, Encoder):
            side = read_as(node)
            prompts.setdefault(key, {})[side] = prompt_of(stage, side, leaves.model_of(node))
    return [
        StagePrompts(*key, tuple((side, by_side[side]) for side in SIDES if side in by_side))
        for key, by_side in prompts.items()
    ]


def prompts_of_plan(plan: Plan) -> list[tuple[StagePrompts, list[str]]]:
    """Return the distinct prompts of all systems, and the systems that use them."""
    systems: dict[StagePrompts, dict[str, None]] = {}
    for target in plan.targets:
        for prompts in prompts_of_system(target, plan.leaves):
            systems.setdefault(prompts, {})[target.system] = None
    return [(prompts, list(names)) for prompts, names in systems.items()]


def prompt_of(stage: Encoder, side: Side, model: ModelLeaf | None) -> Prompt:
    """Return the prompt of a side; if the model decides it, it is read from the model's configuration."""
    setting = stage.prompt_setting(side)
    if model is None or setting not in (OWN, SWAPPED):
        return Prompt(setting, "suite")
    source = OWN if setting == OWN else f"{OWN}, {SWAPPED}"
    folder = folder_of(model.model)
    return Prompt(None if folder is None else choose(setting, side, *of_folder(folder)) or "", source)


def model_name(node: Node, leaves: Leaves) -> str | None:
    """Return the model of a stage as the suite, or else the endpoint, names it; None if the stage has no model."""
    model = leaves.model_of(node)
    if model is not None:
        return model.name
    return node.stage.model if isinstance(node.stage, HasModel) else None
