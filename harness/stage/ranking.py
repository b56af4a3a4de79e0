"""The roles from runs on: to another run, or to what a reader gets."""

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
    """Several runs of the same queries to one."""

    role = "fuse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one Run a chain, in the order the suite names them."""
        raise NotImplementedError


class ScoreFuser(Fuser):
    """Several searches to one run, by the scores of all documents: what it joins are searches, not runs of theirs."""

    role = "fuse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries, Vectors, SparseVectors)
    planned: ClassVar[frozenset[str]] = frozenset({"searchers"})
    searchers: tuple[dict[str, Any], ...] = ()
    """The recipes of the searchers it asks, their depth left out: a part of what names the run."""

    def over(self, searchers: Sequence[Stage]) -> Self:
        """Return the stage with the searchers whose scores it joins, in the order of `of`. ValueError says why not."""
        recipes = [searcher.recipe for searcher in searchers]
        said = [r | {"settings": {k: v for k, v in r["settings"].items() if k != "depth"}} for r in recipes]
        return self.model_copy(update={"searchers": tuple(said)})

    def open(self, runtime: Runtime, *indexes: Index) -> Callable[..., Run]:
        """Open one index a searcher; the call takes for each of them the queries, or their vectors."""
        raise NotImplementedError


class Tuner(Stage):
    """Several runs of the same queries to one: each query gets the answer of one of them. No suite names it."""

    role = "tune"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run

    def open(self, runtime: Runtime, *scores: Scores) -> Callable[..., Run]:
        """Choose by the scores, one Scores a candidate; the call takes one Run a candidate."""
        raise NotImplementedError


class Reranker(Stage):
    """A run to the same documents in a better order."""

    role = "rerank"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    uses_model: ClassVar[bool] = True
    reads_pairs: ClassVar[bool] = False
    """Whether the model reads the query and each of `depth` documents together, so that their tokens can be counted."""
    chunk_rows: ClassVar[int] = 64

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Load the weights; the call reorders a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Rescorer(Stage):
    """A run to the same documents in a better order, by vectors of documents and queries that are made beforehand.

    A suite calls it `rerank` as well. It stands behind an encoder of its own: `model` and the settings of that are said
    here, and its vectors are those of any other system that encodes alike.
    """

    role = "rerank"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    encoder: ClassVar[str]
    """The encoder whose vectors it compares, as the registry names it."""
    chunk_rows: ClassVar[int] = 1024
    depth: int
    """How many documents of each query are put in a new order; those below follow as they stood."""

    def open(self, runtime: Runtime, documents: Any, queries: Any) -> Callable[[Run], Run]:
        """Hold the vectors; the call reorders a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError


class Collapser(Stage):
    """A run of passages to a run of their documents."""

    role = "collapse"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run

    def open(self, runtime: Runtime, passages: Passages) -> Callable[[Run], Run]:
        """The call gives each document that a Run of the passages found a score, and all of them in canonical order."""
        raise NotImplementedError


class Arranger(Stage):
    """A run to the texts that a reader gets for each query. `model` is whose tokenizer counts, where a suite names one.

    What a system answers is still its run: contexts are made beside it.
    """

    role = "arrange"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Contexts
    uses_model: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    of_passages: ClassVar[bool] = False
    """Whether the run must be one of passages."""
    chunk_rows: ClassVar[int] = 1024

    def open(
        self, runtime: Runtime, texts: Corpus, corpus: Corpus, queries: Queries, model: Model | None
    ) -> Callable[[Run], Contexts]:
        """Hold the texts; the call arranges a Run of them: passages of the corpus, or the corpus itself.

        Its `rows` are rows of `queries`.
        """
        raise NotImplementedError


class Filter(Stage):
    """A run to the same run without some documents, cut at `depth`. No suite names it: the data set asks for it."""

    role = "filter"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """The call takes documents out of a Run, whose `rows` are rows of `queries`."""
        raise NotImplementedError
