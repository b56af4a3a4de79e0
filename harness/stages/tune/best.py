"""Answering each query with the candidate that is best on other queries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.stage import Runtime, Tuner
from harness.statistics.cross_validation import choose


class Best(Tuner):
    """Answers each query with the run of the candidate that has the highest mean on other queries.

    Of candidates with equal means, the first is chosen. With `folds` this is cross-validation (Stone 1974): the scores
    are of the same queries, and a query is answered with the candidate that is best on the folds that do not contain
    it. Without `folds`, the scores are of the queries of another data set.
    """

    folds: int | None = Field(default=None, ge=2)
    """The number of folds; None if the candidates are scored on another data set."""
    seed: int = 0
    """The seed of the assignment of queries to folds."""

    def open(self, runtime: Runtime, *scores: Scores) -> Callable[..., Run]:
        """Choose by the scores, one Scores per candidate; the call takes one Run per candidate.

        Raises UserError if there are no judged queries to choose by.
        """
        choice = choose(np.stack([candidate.values for candidate in scores], axis=1), self.folds, self.seed)

        def call(*runs: Run) -> Run:
            depth = max(run.documents.shape[1] for run in runs)
            chosen, rows = choice.of(runs[0].rows), np.arange(len(runs[0]))
            wide = [run.widen(depth) for run in runs]
            documents = np.stack([run.documents for run in wide])[chosen, rows]
            return Run(documents, np.stack([run.scores for run in wide])[chosen, rows], runs[0].rows)

        return call
