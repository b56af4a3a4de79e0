"""The parameters that were chosen by cross-validation, fold by fold, as run.json lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.plan import Target, answer_nodes
from harness.record.made import Made
from harness.results.facts import ChoiceFacts, TunedFacts
from harness.stage import Node, Stage
from harness.stage.node import unfiltered
from harness.statistics.cross_validation import choose


def tuned_parameters(made: Made) -> list[TunedFacts]:
    """Return, for every tuned fusion, the candidates, the one chosen for each fold, and the mean that decided."""
    return [
        _parameters(made, target, node)
        for target in made.finished
        for node in answer_nodes(target.run)
        if node.stage.role == "tune"
    ]


def _parameters(made: Made, target: Target, node: Node) -> TunedFacts:
    scores = [score for score in node.static if score is not None]
    settings = node.stage.model_dump()
    values = np.stack([made.load(score).values for score in scores], axis=1)
    choice = choose(values, settings["folds"], settings["seed"])
    fusions = [unfiltered(run).stage for run in node.stream]
    candidates = differing_settings(fusions)
    collections = made.plan.leaves.collections.values()
    chosen_on = [collection.name for collection in collections if collection.queries in scores[0].static]
    folds = zip(choice.chosen.tolist(), choice.means, choice.counts, strict=True)
    return TunedFacts(
        dataset=target.dataset,
        system=target.system,
        stage=fusions[0].word(),
        measure=scores[0].stage.model_dump()["measure"],
        on=target.dataset if settings["folds"] else chosen_on[0],
        folds=settings["folds"],
        seed=settings["seed"],
        candidates=candidates,
        chosen=[
            ChoiceFacts(fold=fold, candidate=candidates[best], mean=float(means[best]), queries=int(count))
            for fold, (best, means, count) in enumerate(folds, start=1)
        ],
    )


def differing_settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Return, for each of some candidates, the settings in which they differ."""
    settings = [stage.model_dump(mode="json") for stage in stages]
    first = settings[0]
    names = [name for name in first if any(other[name] != first[name] for other in settings)]
    return [{name: each[name] for name in names} for each in settings]
