"""Base classes of the role `score`, one for each kind of input and ground truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from harness.artifacts.base import Artifact
from harness.artifacts.contexts import Contexts
from harness.artifacts.judgements import Qrels, Spans
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.stage.base import Runtime, Stage


class Scorer(Stage):
    """Scores a run against judgements, one value per query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call scores a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class SpanScorer(Stage):
    """Scores a run of passages or whole documents against gold spans, one value per query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call scores a Run of `passages`, whose `rows` are rows of `queries`.

        `passages` are the passages of the corpus, or the corpus itself.
        """
        raise NotImplementedError


class ContextScorer(Stage):
    """Scores the contexts that a reader gets against gold spans, one value per query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Contexts,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, spans: Spans) -> Callable[[Contexts], Scores]:
        """Keep the spans; the call scores Contexts, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Comparison(Stage):
    """Compares a run with the ideal run, one value per query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, ideal: Run) -> Callable[[Run], Scores]:
        """Keep the ideal run; the call scores a Run, whose `rows` are rows of `ideal`."""
        raise NotImplementedError
