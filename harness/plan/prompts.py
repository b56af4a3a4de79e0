"""Which text stands before the queries and the documents of every system, and what else a reader should doubt."""

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


class Prompt(NamedTuple):
    """The prompt of a side. `text` is None where the model, which was not fetched yet, decides it."""

    text: str | None
    source: str
    """Who says so: `suite`, `default`, `model`, or `model, swapped`."""

    def __str__(self) -> str:
        """Quote it, so that a space at its end is seen.

        >>> str(Prompt("query: ", "model")), str(Prompt("", "suite")), str(Prompt(None, "model"))
        ('"query: " (model)', 'none (suite)', "the model's own (not fetched yet)")
        """
        if self.text is None:
            own = "the model's own of the other side" if self.source == f"{OWN}, {SWAPPED}" else "the model's own"
            return f"{own} (not fetched yet)"
        return f"{json.dumps(self.text, ensure_ascii=False) if self.text else 'none'} ({self.source})"


class StagePrompts(NamedTuple):
    """The prompts of one encoder of a system, or what its rewriter asks: the instruction, with `{query}` in it."""

    stage: str
    """As the suite calls it."""
    model: str | None
    sides: tuple[tuple[Side, Prompt], ...]

    @property
    def title(self) -> str:
        """The stage with its model."""
        return f"{self.stage} {self.model}" if self.model else self.stage

    def document(self) -> dict[str, Any]:
        """Return it as run.json and `harness plan --json` hold it."""
        sides: dict[str, Any] = {side: {"text": prompt.text, "from": prompt.source} for side, prompt in self.sides}
        return {"stage": self.stage, "model": self.model, **sides}


def prompts_of_system(target: Target, leaves: Leaves) -> list[StagePrompts]:
    """Return what the language model of every rewriter is asked, and the prompts of every encoder, queries first."""
    found: dict[tuple[str, str | None], dict[Side, Prompt]] = {}
    for node in walk(target.run):
        name = (node.stage.word(), model_name(node, leaves))
        if isinstance(node.stage, Rewriter):
            source = "suite" if "instruction" in node.stage.model_fields_set else "default"
            found.setdefault(name, {})["query"] = Prompt(node.stage.instruction, source)
        if isinstance(node.stage, Encoder):
            side = read_as(node)
            found.setdefault(name, {})[side] = prompt_of(node.stage, side, leaves.model_of(node))
    return [
        StagePrompts(*key, tuple((side, prompts[side]) for side in SIDES if side in prompts))
        for key, prompts in found.items()
    ]


def prompts_of_plan(plan: Plan) -> list[tuple[StagePrompts, list[str]]]:
    """Return every encoder with its prompts once, and the systems that it serves."""
    found: dict[StagePrompts, dict[str, None]] = {}
    for target in plan.targets:
        for spoken in prompts_of_system(target, plan.leaves):
            found.setdefault(spoken, {})[target.system] = None
    return [(spoken, list(systems)) for spoken, systems in found.items()]


def prompt_of(stage: Encoder, side: Side, model: ModelLeaf | None) -> Prompt:
    """Return the prompt of a side, read from the configuration of the model where that decides it."""
    said = stage.prompt_setting(side)
    if model is None or said not in (OWN, SWAPPED):
        return Prompt(said, "suite")
    source = OWN if said == OWN else f"{OWN}, {SWAPPED}"
    folder = folder_of(model.model)
    return Prompt(None if folder is None else choose(said, side, *of_folder(folder)) or "", source)


def model_name(node: Node, leaves: Leaves) -> str | None:
    """Return the model that a stage calculates with, as the suite or else the endpoint calls it; None without one."""
    model = leaves.model_of(node)
    return model.name if model else getattr(node.stage, "model", None)
