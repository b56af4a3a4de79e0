"""Scoring a run of passages, or the best possible order of its passages, against gold spans by one measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, field_validator

from harness.artifacts.judgements import Spans
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.measures.evaluate import evaluate_spans
from harness.measures.scoring.gold_spans import Gold
from harness.measures.scoring.parse import of_spans, parse, provider
from harness.stage import Runtime, SpanScorer


class SpansScorer(SpanScorer):
    """Scores a run of passages against gold spans by one measure.

    The value is NaN for a query without gold spans. Raises UserError if the measure is unknown or is not a measure of
    passages or spans.
    """

    measure: str
    """The name of the measure, such as `span_iou@5` or `passage_nDCG@10`."""

    @field_validator("measure")
    @classmethod
    def _canonical(cls, name: str) -> str:
        if not of_spans(measure := parse(name)):
            raise UserError(f"{measure} is not a measure of passages or spans")
        return str(measure)

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with the code that computes the measure, so that another version never reuses an old score."""
        return super().recipe | {"provider": provider(parse(self.measure))}

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call scores a Run of the passages, whose `rows` are rows of `queries`."""
        return self.scoring(Gold.of(passages, corpus, queries, spans))

    def scoring(self, gold: Gold) -> Callable[[Run], Scores]:
        """Return the function that scores a Run of the passages of `gold`."""
        measure = parse(self.measure)
        return lambda run: Scores(evaluate_spans([measure], run, gold)[self.measure], run.rows)


class PassageCeilingScorer(SpansScorer):
    """Scores the first `depth` passages in the order of their grades, the best that a reranker can do."""

    depth: int = Field(ge=1)
    """The number of passages per query that are sorted by grade."""

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call sorts a Run by grade and scores it."""
        gold = Gold.of(passages, corpus, queries, spans)
        score = self.scoring(gold)
        return lambda run: score(gold.judgements.best(run, self.depth))
