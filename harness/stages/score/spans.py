"""Score a run against spans of documents, on characters, by one measure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import field_validator

from harness.artifacts.judgements import Spans
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.measures.parse import arguments, of_spans, parse, provider
from harness.measures.spans import Covered, Gold
from harness.registry import METRICS
from harness.stage import Runtime, SpanScorer


class SpansScorer(SpanScorer):
    """One value a query, NaN for a query without a span. UserError if there is no such measure."""

    measure: str

    @field_validator("measure")
    @classmethod
    def _canonical(cls, name: str) -> str:
        if not of_spans(measure := parse(name)):
            raise UserError(f"{measure} is no measure of spans")
        return str(measure)

    @property
    def recipe(self) -> dict[str, Any]:
        """Name the code that calculates as well, so that another version of it never meets an old score."""
        return super().recipe | {"provider": provider(parse(self.measure))}

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call scores a Run of the passages, whose `rows` are rows of `queries`."""
        gold = resolve(passages, corpus, queries, spans)
        measure = parse(self.measure)
        function, given = METRICS[measure.base], arguments(measure)

        def score(run: Run) -> Scores:
            values = function(Covered(run, gold), **given)
            return Scores(np.where(gold.known[run.rows.start : run.rows.stop], values, np.nan), run.rows)

        return score


resolve = lru_cache(maxsize=2)(Gold)
"""The last answers are kept, by the identity of the four artifacts: all measures of a system ask for the same one."""
