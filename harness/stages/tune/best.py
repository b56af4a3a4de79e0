"""Answer each query with the candidate that is best on other queries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.stage import Runtime, Tuner
from harness.statistics.cross_validation import choose


class Best(Tuner):
    """Take the run of the candidate with the highest mean, the first named of equal ones.

    With `folds` this is cross-validation (Stone 1974): the scores are of the queries themselves, and a query is
    answered with what is best on the folds it is not in. Without, the scores are of another data set's queries.
    """

    folds: int | None = Field(default=None, ge=2)
    seed: int = 0

    def open(self, runtime: Runtime, *scores: Scores) -> Callable[..., Run]:
        """Choose; the call takes one Run a candidate. UserError where no judged query is left to choose by."""
        choice = choose(np.stack([one.values for one in scores], axis=1), self.folds, self.seed)

        def call(*runs: Run) -> Run:
            depth = max(run.documents.shape[1] for run in runs)
            which, rows = choice.of(runs[0].rows), np.arange(len(runs[0]))
            wide = [run.widen(depth) for run in runs]
            documents = np.stack([run.documents for run in wide])[which, rows]
            return Run(documents, np.stack([run.scores for run in wide])[which, rows], runs[0].rows)

        return call
