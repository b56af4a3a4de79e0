"""Scoring a run, or the best possible order of its documents, against judgements by one measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements, resolve
from harness.measures.scoring.parse import parse, provider
from harness.stage import Runtime, Scorer


class QrelsScorer(Scorer):
    """Scores a run against judgements by one measure.

    An alias of a measure is replaced by its canonical name. Raises UserError if the measure is unknown.
    """

    measure: str
    """The name of the measure, such as `nDCG@10`."""

    @field_validator("measure")
    @classmethod
    def _canonical(cls, name: str) -> str:
        return str(parse(name))

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with the code that computes the measure, so that another version never reuses an old score."""
        return super().recipe | {"provider": provider(parse(self.measure))}

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call scores a Run, whose `rows` are rows of `queries`."""
        return self.scoring(resolve(corpus, queries, qrels))

    def scoring(self, judgements: Judgements) -> Callable[[Run], Scores]:
        """Return the function that scores a Run against judgements."""
        measure = parse(self.measure)
        return lambda run: Scores(evaluate([measure], run, judgements)[self.measure], run.rows)


class CeilingScorer(QrelsScorer):
    """Scores the first `depth` documents in the order of their grades, the best that a reranker can do."""

    depth: int = Field(ge=1)
    """The number of documents per query that are sorted by grade."""

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call sorts a Run by grade and scores it. Unjudged documents have grade 0."""
        judgements = resolve(corpus, queries, qrels)
        score = self.scoring(judgements)
        return lambda run: score(judgements.best(run, self.depth))
