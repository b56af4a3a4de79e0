"""Base classes of the roles that take a run: they return another run, or the contexts for a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from harness.artifacts.base import Artifact
from harness.artifacts.contexts import Contexts
from harness.artifacts.index import Index
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.stage.base import Runtime, Stage


class Fuser(Stage):
    """Fuses several runs of the same queries into one."""

    role = "fuse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int
    """The maximum number of documents per query."""

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run per fused system, in the order of `of`."""
        raise NotImplementedError


class ScoreFuser(Fuser):
    """Fuses several searches into one run by the scores of all documents, not only of those in their runs."""

    role = "fuse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries, Vectors, SparseVectors)
    planned: ClassVar[frozenset[str]] = frozenset({"searchers"})
    searchers: tuple[dict[str, Any], ...] = ()
    """The recipes of the searchers, without their depth; part of the fingerprint of the run."""

    def over(self, searchers: Sequence[Stage]) -> Self:
        """Return the stage with the searchers whose scores it fuses, in the order of `of`.

        Raises ValueError if it cannot fuse these searchers.
        """
        recipes = [searcher.recipe for searcher in searchers]
        searches = [r | {"settings": {k: v for k, v in r["settings"].items() if k != "depth"}} for r in recipes]
        return self.model_copy(update={"searchers": tuple(searches)})

    def open(self, runtime: Runtime, *indexes: Index) -> Callable[..., Run]:
        """Open one index per searcher; the call takes the queries, or their vectors, once per searcher."""
        raise NotImplementedError


class Tuner(Stage):
    """Answers each query with one of several candidate runs. Created by `tune:` in a fusion, not named in a suite."""

    role = "tune"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run

    def open(self, runtime: Runtime, *scores: Scores) -> Callable[..., Run]:
        """Choose by the scores, one Scores per candidate; the call takes one Run per candidate."""
        raise NotImplementedError


class Reranker(Stage):
    """Reorders the first documents of a run by reading their texts."""

    role = "rerank"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    uses_model: ClassVar[bool] = True
    reads_pairs: ClassVar[bool] = False
    """Whether the model reads the query together with each of `depth` documents, so that their tokens are counted."""
    chunk_rows: ClassVar[int] = 64

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Load the weights; the call reorders a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Rescorer(Stage):
    """Reorders the first documents of a run by vectors of the documents and queries that were computed beforehand.

    In a suite its role is `rerank`, and its step takes `model` and the other settings of the encoder too. The vectors
    are shared with all systems that encode with the same settings.
    """

    role = "rerank"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    encoder: ClassVar[str]
    """The encoder whose vectors it compares, as `role/name`."""
    chunk_rows: ClassVar[int] = 1024
    depth: int
    """The number of documents per query that are reordered; the documents below them keep their order."""

    def open(self, runtime: Runtime, documents: Any, queries: Any) -> Callable[[Run], Run]:
        """Keep the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Collapser(Stage):
    """Turns a run of passages into a run of their documents."""

    role = "collapse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call turns a Run of the passages into a Run of their documents, in canonical order."""
        raise NotImplementedError


class Arranger(Stage):
    """Turns a run into the contexts that a reader gets for each query. The tokenizer of `model`, if given, counts.

    Contexts are an additional output: the system is still scored by its run.
    """

    role = "arrange"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Contexts
    uses_model: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    of_passages: ClassVar[bool] = False
    """Whether the run must contain passages."""
    chunk_rows: ClassVar[int] = 1024

    def open(
        self, runtime: Runtime, texts: Corpus, corpus: Corpus, queries: Queries, model: Model | None
    ) -> Callable[[Run], Contexts]:
        """Keep the texts; the call arranges a Run of `texts`, whose `rows` are rows of `queries`.

        `texts` are the passages of the corpus, or the corpus itself.
        """
        raise NotImplementedError


class Filter(Stage):
    """Removes some documents from a run. Added for data sets that require it, not named in a suite."""

    role = "filter"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int
    """The maximum number of documents per query after filtering."""

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """The call removes documents from a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError
