"""Scoring the contexts for a reader against gold spans, by characters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from harness.artifacts.contexts import Contexts
from harness.artifacts.judgements import Spans
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.measures.scoring.covered_spans import Covered
from harness.measures.scoring.gold_spans import Gold
from harness.registry import METRICS
from harness.stage import ContextScorer, Runtime


class ContextsScorer(ContextScorer):
    """Scores all contexts of a query together by a measure of gold spans.

    The value is NaN for a query without gold spans.
    """

    measure: Literal["span_recall", "span_precision", "span_iou"]
    """The name of the measure."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with the version of the measure, so that another version never reuses an old score."""
        return super().recipe | {"measure_version": METRICS[self.measure].version}

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, spans: Spans) -> Callable[[Contexts], Scores]:
        """Keep the spans; the call scores Contexts, whose `rows` are rows of `queries`."""
        function = METRICS[self.measure]

        def score(contexts: Contexts) -> Scores:
            passages, run = as_run(contexts, corpus)
            gold = Gold.of(passages, corpus, queries, spans)
            values = function(Covered(run, gold), k=run.documents.shape[1])
            return Scores(np.where(gold.known[run.rows.start : run.rows.stop], values, np.nan), run.rows)

        return score


def as_run(contexts: Contexts, corpus: Corpus) -> tuple[Passages, Run]:
    """Return the contexts of all queries as passages with empty texts, and the run in which each query has its own."""
    flat = [context for texts in contexts.texts for context in texts]
    parents = corpus.find([context.doc_id for context in flat])
    empty = pa.array([""] * len(flat), pa.large_string())
    columns = [empty, empty, parents, [context.start for context in flat], [context.end for context in flat]]
    table = pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, Passages.schema, strict=True)],
        schema=Passages.schema,
    )
    lengths = np.array([len(texts) for texts in contexts.texts], np.int64)
    places = np.arange(lengths.max(initial=0))
    documents = np.where(places < lengths[:, None], (np.cumsum(lengths) - lengths)[:, None] + places, NONE)
    scores = np.where(documents == NONE, -np.inf, -places.astype(np.float64))
    return Passages(table), Run(documents.astype(np.int32), scores.astype(np.float32), contexts.rows)
