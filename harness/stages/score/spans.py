"""Score a run of passages against gold spans, by one measure."""

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
from harness.measures.scoring.gold_spans import resolve_spans
from harness.measures.scoring.parse import of_spans, parse, provider
from harness.stage import Runtime, SpanScorer


class SpansScorer(SpanScorer):
    """One value a query, NaN for a query without a span. UserError if there is no such measure."""

    measure: str

    @field_validator("measure")
    @classmethod
    def _canonical(cls, name: str) -> str:
        if not of_spans(measure := parse(name)):
            raise UserError(f"{measure} is no measure of passages or their spans")
        return str(measure)

    @property
    def recipe(self) -> dict[str, Any]:
        """Name the code that calculates as well, so that another version of it never meets an old score."""
        return super().recipe | {"provider": provider(parse(self.measure))}

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call scores a Run of the passages, whose `rows` are rows of `queries`."""
        gold = resolve_spans(passages, corpus, queries, spans)
        measure = parse(self.measure)
        return lambda run: Scores(evaluate_spans([measure], run, gold)[self.measure], run.rows)


class PassageCeilingScorer(SpansScorer):
    """The value of a measure of passages if the first `depth` of them stood in the order of their grades."""

    depth: int = Field(ge=1)

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call orders a Run anew and scores it."""
        judgements = resolve_spans(passages, corpus, queries, spans).judgements
        score = super().open(runtime, passages, corpus, queries, spans)
        return lambda run: score(judgements.best(run, self.depth))
