"""The `tune` block of a fusion: the settings to try, and the judgements by which the best of them is chosen."""

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
    """The keys under `tune`; every other key is a setting of the stage with a list of candidate values."""

    model_config = ConfigDict(frozen=True, extra="allow")

    measure: str
    train: str | None = None
    """The data set to choose on; no system is reported on it."""
    folds: int | None = Field(default=None, ge=2)
    """Cross-validation: the queries of a fold are answered with the candidate that is best on the other folds."""
    seed: int = 0
    """The seed by which queries are assigned to folds."""


@dataclass(frozen=True)
class Tuning:
    """The candidates of a step, and the judgements by which it chooses among them."""

    candidates: tuple[Stage, ...]
    measure: str
    train: str | None
    folds: int | None
    seed: int


def read_tuning(block: Mapping[str, Any], build: Callable[[Mapping[str, Any]], Stage]) -> Tuning:
    """Read a `tune` block; `build` makes the stage for some chosen settings.

    Raises UserError, and pydantic's ValidationError, for invalid values.
    """
    tune = Tune.model_validate(block)
    lists = tune.model_extra or {}
    for key, values in lists.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"tune, {key}: expected a list of values to try, found {values!r}")
    if (tune.train is None) == (tune.folds is None):
        raise UserError("'tune' needs either train: DATASET, a data set for tuning only, or folds: NUMBER")
    combinations = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    if len(combinations) < 2:
        raise UserError("'tune' has nothing to choose from: list at least two values of a setting")
    return Tuning(tuple(map(build, combinations)), str(parse(tune.measure)), tune.train, tune.folds, tune.seed)
