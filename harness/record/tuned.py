"""Which parameters were chosen, fold by fold, as run.json says it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from harness.fingerprint import Fingerprint
from harness.plan import Plan, Target, answer_nodes
from harness.stage import Node, Stage
from harness.stage.node import unfiltered
from harness.statistics.cross_validation import choose


def tuned_parameters(plan: Plan, failed: Collection[Fingerprint], load: Callable[[Node], Any]) -> list[dict[str, Any]]:
    """Return of every tuned fusion the candidates, the one chosen for each fold, and the mean it was chosen by."""
    return [
        _of_node(plan, target, node, load)
        for target in plan.targets
        if target.run.fingerprint not in failed
        for node in _tuned(target)
    ]


def _tuned(target: Target) -> Iterator[Node]:
    return (node for node in answer_nodes(target.run) if node.stage.role == "tune")


def _of_node(plan: Plan, target: Target, node: Node, load: Callable[[Node], Any]) -> dict[str, Any]:
    scores = [one for one in node.static if one is not None]
    settings = node.stage.model_dump()
    choice = choose(np.stack([load(one).values for one in scores], axis=1), settings["folds"], settings["seed"])
    fusions = [unfiltered(run).stage for run in node.stream]
    candidates = differing_settings(fusions)
    trained = [one.name for one in plan.leaves.collections.values() if one.queries in scores[0].static]
    parts = zip(choice.chosen.tolist(), choice.means, choice.counts, strict=True)
    return {
        "dataset": target.dataset,
        "system": target.system,
        "stage": fusions[0].word(),
        "measure": scores[0].stage.model_dump()["measure"],
        "on": target.dataset if settings["folds"] else trained[0],
        "folds": settings["folds"],
        "seed": settings["seed"],
        "candidates": candidates,
        "chosen": [
            {"fold": fold, "candidate": candidates[best], "mean": float(means[best]), "queries": int(count)}
            for fold, (best, means, count) in enumerate(parts, start=1)
        ],
    }


def differing_settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Return of each candidate the settings in which they differ."""
    said = [stage.model_dump(mode="json") for stage in stages]
    names = [name for name in said[0] if any(one[name] != said[0][name] for one in said)]
    return [{name: one[name] for name in names} for one in said]
