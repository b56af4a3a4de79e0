"""Parameters that are chosen by judgements: what a suite says of them, and the choice itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UserError
from harness.measures.scoring.parse import parse
from harness.stage import Stage


class Tune(BaseModel):
    """The words under `tune`; every other word is a setting of the stage with the list of its candidates."""

    model_config = ConfigDict(frozen=True, extra="allow")

    measure: str
    train: str | None = None
    """A data set of the suite that is for tuning only."""
    folds: int | None = Field(default=None, ge=2)
    """Cross-validation: queries of a fold are answered with what is best on the other folds."""
    seed: int = 0
    """Of the draw of the folds."""


@dataclass(frozen=True)
class Tuning:
    """What a step tries, and by which judgements it chooses."""

    candidates: tuple[Stage, ...]
    measure: str
    train: str | None
    folds: int | None
    seed: int


def read_tuning(words: Mapping[str, Any], build: Callable[[Mapping[str, Any]], Stage]) -> Tuning:
    """Read the words under `tune`; `build` makes a stage of chosen settings.

    Raises UserError, and pydantic's ValidationError, for what is not right.
    """
    said = Tune.model_validate(words)
    lists = said.model_extra or {}
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"tune, {key}: give the list of values to try, found {values!r}")
    if (said.train is None) == (said.folds is None):
        raise UserError("'tune' says either train: DATASET, which is then for tuning only, or folds: NUMBER")
    tried = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    if len(tried) < 2:
        raise UserError("'tune' has nothing to choose from: give at least two values of a setting")
    return Tuning(tuple(map(build, tried)), str(parse(said.measure)), said.train, said.folds, said.seed)
