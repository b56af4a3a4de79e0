"""Score a run against judgements, by one measure; or the best that could be made of its documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.measures.evaluate import evaluate
from harness.measures.judgements import resolve
from harness.measures.scoring.parse import parse, provider
from harness.stage import Runtime, Scorer


class QrelsScorer(Scorer):
    """One value a query. UserError if there is no such measure; an alias becomes the canonical name."""

    measure: str

    @field_validator("measure")
    @classmethod
    def _canonical(cls, name: str) -> str:
        return str(parse(name))

    @property
    def recipe(self) -> dict[str, Any]:
        """Name the code that calculates as well, so that another version of it never meets an old score."""
        return super().recipe | {"provider": provider(parse(self.measure))}

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call scores a Run, whose `rows` are rows of `queries`."""
        judgements = resolve(corpus, queries, qrels)
        measure = parse(self.measure)

        def score(run: Run) -> Scores:
            return Scores(evaluate([measure], run, judgements)[self.measure], run.rows)

        return score


class CeilingScorer(QrelsScorer):
    """The value of a measure if a perfect reranker had put the first `depth` documents in order of their grades."""

    depth: int = Field(ge=1)

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call orders a Run anew and scores it. What nobody judged counts as grade 0."""
        judgements = resolve(corpus, queries, qrels)
        score = super().open(runtime, corpus, queries, qrels)
        return lambda run: score(judgements.best(run, self.depth))
