"""Base classes of the roles that lead from documents and queries to a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

from harness.artifacts.all_scores import AllScores
from harness.artifacts.base import Artifact, Rows
from harness.artifacts.drafts import Drafts
from harness.artifacts.index import Index
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.stage.base import NONE, Runtime, Side, Stage, TwoSided


class Chunker(Stage):
    """Splits documents into passages. If `uses_model`, the tokenizer of `model` counts; otherwise `model` is None."""

    role = "chunk"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus,)
    gives: ClassVar[type[Artifact]] = Passages
    rowwise = False
    uses_model: ClassVar[bool] = False

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call splits the documents of a Corpus."""
        raise NotImplementedError


class DraftUse(NamedTuple):
    """How a plan uses the drafts of each query."""

    kind: Literal["replace", "fuse", "average"]
    """`replace`: the draft replaces the query in all later stages. `fuse`: each draft is searched with, and the runs
    are fused by `fuse: rrf`. `average`: each draft is encoded as a document, and the search uses the mean vector."""
    n: int = 1
    """The number of drafts per query."""
    with_query: bool = False
    """Whether the query itself is fused or averaged too."""
    repeat_query: int = 0
    """How many times the query is prepended to the draft that replaces it."""
    k: float = 60
    """The constant `k` of `fuse: rrf`."""


class Rewriter(Stage):
    """Has a language model write drafts for each query, to be searched with instead of the query or together with it.

    `model` holds the weights, and is None if the settings name an endpoint. Settings that only affect `use` are inert,
    because they change no draft.
    """

    role = "rewrite"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries,)
    gives: ClassVar[type[Artifact]] = Drafts
    uses_model: ClassVar[bool] = True
    chunk_rows: ClassVar[int] = 16
    instruction: str
    """The prompt; `{query}` is replaced by the query."""

    @property
    def use(self) -> DraftUse:
        """How the plan uses the drafts."""
        raise NotImplementedError

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Queries], Drafts]:
        """Load the weights or open the endpoint; the call writes the drafts of Queries."""
        raise NotImplementedError


class DraftReader(Stage):
    """Selects the texts of drafts, or averages their vectors. Added by the plan, not named in a suite."""

    role = "draft"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Drafts,)
    gives: ClassVar[type[Artifact]] = Queries

    def open(self, runtime: Runtime) -> Callable[..., Rows]:
        """The call takes Drafts, or one Vectors per text of a query."""
        raise NotImplementedError


class Encoder(TwoSided):
    """Encodes texts as vectors. If `uses_model`, `model` holds the weights; otherwise it is None."""

    role = "encode"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus, Queries)
    gives: ClassVar[type[Artifact]] = Vectors
    uses_model: ClassVar[bool] = True
    chunk_rows: ClassVar[int] = 1024

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Any], Rows]:
        """Load the weights; the call encodes Corpus or Queries."""
        raise NotImplementedError

    def prompt_setting(self, side: Side) -> str:
        """Return the prompt of a side; `prompts.OWN` or `prompts.SWAPPED` if the model's configuration decides it."""
        del side
        return NONE


class Reducer(TwoSided):
    """Makes vectors smaller."""

    role = "reduce"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Vectors,)
    gives: ClassVar[type[Artifact]] = Vectors
    fitted: ClassVar[bool] = False
    """Whether it must be fitted to the vectors of all documents before it can reduce either side."""

    @property
    def of_queries(self) -> bool:
        """Whether the vectors of queries are reduced too; if not, they stay unchanged."""
        return True

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Any], Rows]:
        """Fit to the documents' vectors if `fitted`; the call reduces Vectors."""
        raise NotImplementedError


class Indexer(Stage):
    """Builds an index from documents or their vectors; it contains everything that its searcher needs."""

    role = "index"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus, Vectors)
    gives: ClassVar[type[Artifact]] = Index
    rowwise = False
    exact: ClassVar[bool] = True
    """Whether its searcher returns what an exhaustive search would.

    If False, the indexer must take Vectors and have a setting `similarity`, and the plan measures index recall: the
    search is compared with an exact search over the same vectors.
    """

    def open(self, runtime: Runtime) -> Callable[[Any], Index]:
        """The call builds the index of all documents."""
        raise NotImplementedError


class Searcher(Stage):
    """Searches an index with queries or their vectors, and returns a run."""

    role = "search"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries, Vectors)
    gives: ClassVar[type[Artifact]] = Run
    reads: ClassVar[tuple[str, ...]] = ()
    """The names of the indexers whose index it can search; if empty, the indexer with its own name."""
    depth: int
    """The maximum number of documents per query."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Any], Run]:
        """Open the index; the call searches with Queries or Vectors."""
        raise NotImplementedError


class ExhaustiveSearcher(Searcher):
    """A searcher that can score every document, including those outside its run."""

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Any], AllScores]:
        """Open the index; the call scores all documents for Queries or their vectors, each query independently."""
        raise NotImplementedError


class RunReader(Stage):
    """Reads the run file of another system as a run of the data set's queries."""

    role = "runfile"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int
    """The maximum number of documents per query that are kept."""

    def open(self, runtime: Runtime, lines: RunLines, corpus: Corpus) -> Callable[[Queries], Run]:
        """The call returns the run of Queries, whose documents are rows of the corpus."""
        raise NotImplementedError
