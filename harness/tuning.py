"""Parameters that are chosen by judgements: what a suite says of them, and the choice itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.errors import UserError
from harness.measures.parse import parse
from harness.stage import Stage

DIGITS = 12
"""Decimals in which means are compared: another processor's last bits choose nothing else."""


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


class Choice(NamedTuple):
    """Which candidate answers which query, and the means that decided it."""

    chosen: np.ndarray
    """int[folds], or int[1] where all queries get the same."""
    means: np.ndarray
    """float64[folds, candidates]: of the queries that a fold was chosen by."""
    counts: np.ndarray
    """int[folds]: how many judged queries these are."""
    fold: np.ndarray | None
    """int[queries]; None where the queries to answer are others than those chosen by."""

    def of(self, rows: range) -> np.ndarray:
        """Return the candidate of each of these queries."""
        if self.fold is None:
            return np.full(len(rows), self.chosen[0])
        return np.asarray(self.chosen[self.fold[rows.start : rows.stop]])


def choose(values: np.ndarray, folds: int | None = None, seed: int = 0) -> Choice:
    """Choose the candidate with the highest mean of `values` float64[queries, candidates]; the first of equal ones.

    NaN marks a query that nothing judges. With `folds` the queries are dealt out by a seeded permutation, and what is
    chosen for a fold rests on the queries of the others alone. Raises UserError where no judged query is left.
    """
    judged = ~np.isnan(values).any(axis=1)
    fold = None if folds is None else np.random.default_rng(seed).permutation(len(values)) % folds
    learned = [judged] if fold is None else [judged & (fold != part) for part in range(folds or 0)]
    if not all(part.any() for part in learned):
        raise UserError("tune: no judged query is left to choose by")
    means = np.stack([values[part].mean(axis=0) for part in learned])
    counts = np.array([part.sum() for part in learned])
    return Choice(np.round(means, DIGITS).argmax(axis=1), means, counts, fold)


def apart(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Return of each candidate the settings in which they differ."""
    said = [stage.model_dump(mode="json") for stage in stages]
    names = [name for name in said[0] if any(one[name] != said[0][name] for one in said)]
    return [{name: one[name] for name in names} for one in said]
