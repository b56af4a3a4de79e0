"""The role `score`, by what is held against what."""

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
    """A run and what is known to be right to one value a query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, qrels: Qrels) -> Callable[[Run], Scores]:
        """Resolve the judgements; the call scores a Run."""
        raise NotImplementedError


class SpanScorer(Stage):
    """A run of passages, or of whole documents, and the spans that are known to be right to one value a query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(
        self, runtime: Runtime, passages: Corpus, corpus: Corpus, queries: Queries, spans: Spans
    ) -> Callable[[Run], Scores]:
        """Resolve the spans; the call scores a Run of the passages, which are those of the corpus or the corpus itself.

        Its `rows` are rows of `queries`.
        """
        raise NotImplementedError


class ContextScorer(Stage):
    """The texts that readers get, and the spans that are known to be right, to one value a query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Contexts,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, spans: Spans) -> Callable[[Contexts], Scores]:
        """Hold the spans; the call scores Contexts, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Comparison(Stage):
    """A run and the run it ought to be to one value a query."""

    role = "score"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Scores

    def open(self, runtime: Runtime, ideal: Run) -> Callable[[Run], Scores]:
        """Hold the ideal; the call scores a Run, whose `rows` are rows of it."""
        raise NotImplementedError
