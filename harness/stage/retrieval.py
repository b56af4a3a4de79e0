"""The roles from documents and queries to a run."""

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
    """Documents to passages that know their documents. `model` is whose tokenizer counts where `uses_model` says so."""

    role = "chunk"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus,)
    gives: ClassVar[type[Artifact]] = Passages
    rowwise = False
    uses_model: ClassVar[bool] = False

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call cuts the documents of a Corpus."""
        raise NotImplementedError


class DraftUse(NamedTuple):
    """What a plan makes of the drafts of each query."""

    kind: Literal["replace", "fuse", "average"]
    """`replace`: the one text is the query for all that follows. `fuse`: each is searched with, and the runs are joined
    by `fuse: rrf`. `average`: each is encoded as a document, and the mean of their vectors is searched with."""
    n: int = 1
    """How many texts of a query there are, its own not counted."""
    with_query: bool = False
    """Whether the query itself is one of what is fused or averaged."""
    repeat_query: int = 0
    """How often the query itself stands before the text that replaces it."""
    k: float = 60
    """That of `fuse: rrf`."""


class Rewriter(Stage):
    """Queries to texts that are searched with in their place, or beside them, as a language model writes them.

    `model` is its weights, None where the settings name an endpoint. Settings that only a plan reads, in `use`, are
    inert: they change no draft.
    """

    role = "rewrite"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries,)
    gives: ClassVar[type[Artifact]] = Drafts
    uses_model: ClassVar[bool] = True
    chunk_rows: ClassVar[int] = 16
    instruction: str
    """What the model is asked for each query, which stands in the place of `{query}`."""

    @property
    def use(self) -> DraftUse:
        """What becomes of the drafts."""
        raise NotImplementedError

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Queries], Drafts]:
        """Load the weights, or open the endpoint; the call has the drafts of Queries written."""
        raise NotImplementedError


class DraftReader(Stage):
    """What becomes of drafts before they are encoded or searched with, or of their vectors. No suite names it."""

    role = "draft"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Drafts,)
    gives: ClassVar[type[Artifact]] = Queries

    def open(self, runtime: Runtime) -> Callable[..., Rows]:
        """The call takes Drafts, or one Vectors for each text of a query."""
        raise NotImplementedError


class Encoder(TwoSided):
    """Text to vectors. `model` is the weights where `uses_model` says so, else None."""

    role = "encode"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus, Queries)
    gives: ClassVar[type[Artifact]] = Vectors
    uses_model: ClassVar[bool] = True
    chunk_rows: ClassVar[int] = 1024

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Any], Rows]:
        """Load the weights; the call encodes Corpus or Queries."""
        raise NotImplementedError

    def said_prompt(self, side: Side) -> str:
        """Return the text that stands before each text of a side, or `prompts.OWN` or `SWAPPED` for the model's."""
        del side
        return NONE


class Reducer(TwoSided):
    """Vectors to smaller vectors."""

    role = "reduce"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Vectors,)
    gives: ClassVar[type[Artifact]] = Vectors
    fitted: ClassVar[bool] = False
    """Whether it must see all documents' vectors first, on either side."""

    @property
    def of_queries(self) -> bool:
        """Whether queries are reduced too; else they stay what they are."""
        return True

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Any], Rows]:
        """Fit to the documents' vectors where it is `fitted`; the call reduces Vectors."""
        raise NotImplementedError


class Indexer(Stage):
    """Documents, or their vectors, to an index that holds all its searcher needs."""

    role = "index"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Corpus, Vectors)
    gives: ClassVar[type[Artifact]] = Index
    rowwise = False
    exact: ClassVar[bool] = True
    """Whether its searcher finds what a search of all would; one that says False takes Vectors and a `similarity`.

    A plan then measures what it misses: its searches are held against an exact one over the same vectors.
    """

    def open(self, runtime: Runtime) -> Callable[[Any], Index]:
        """The call builds the index of all documents."""
        raise NotImplementedError


class Searcher(Stage):
    """Queries, or their vectors, to a run. `k` is the depth of the run; a suite says `depth`."""

    role = "search"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries, Vectors)
    gives: ClassVar[type[Artifact]] = Run
    reads: ClassVar[tuple[str, ...]] = ()
    """The indexers whose index it opens; its own name if empty."""
    depth: int

    def open(self, runtime: Runtime, index: Index) -> Callable[[Any], Run]:
        """Open the index; the call answers Queries or Vectors."""
        raise NotImplementedError


class ExhaustiveSearcher(Searcher):
    """A searcher that can score every document, those too that no run of it holds."""

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Any], AllScores]:
        """Open the index; the call scores all documents for Queries or their vectors, each query by itself."""
        raise NotImplementedError


class RunReader(Stage):
    """A run file of another system to a run of a data set's queries. `depth` is how many documents are kept."""

    role = "runfile"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Queries,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int

    def open(self, runtime: Runtime, lines: RunLines, corpus: Corpus) -> Callable[[Queries], Run]:
        """The call gives the run of Queries, in rows of the corpus."""
        raise NotImplementedError
