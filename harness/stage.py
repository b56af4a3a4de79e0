"""A stage is settings plus `open`; a node is a stage placed in a plan, named by what it is and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from harness.artifacts.base import Artifact, Rows
from harness.artifacts.contexts import Contexts
from harness.artifacts.drafts import Drafts
from harness.artifacts.index import Index
from harness.artifacts.judgements import Qrels, References, Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.run_lines import RunLines
from harness.artifacts.scores import Scores
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.exhaustive import AllScores
from harness.fingerprint import Fingerprint, fingerprint
from harness.meter import Bill
from harness.prompts import NONE, Side


@dataclass(frozen=True)
class Runtime:
    """Where and how fast. Never part of a name, always part of a cost."""

    device: str = "cpu"
    threads: int = 1
    batch_size: int | None = None
    bill: Bill = field(default_factory=Bill, compare=False)
    """What the stages of the run paid to services; the one part that changes."""


class Stage(BaseModel):
    """Subclass a role below. Fields are the settings that change the output; those that cannot are named in `inert`.

    `open` does the once-only work and returns the function whose calls are timed. A stage holds no state, knows no
    store and imports nothing heavy before `open`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: ClassVar[str]
    """The word in the suite, given by the registry."""
    role: ClassVar[str]
    takes: ClassVar[tuple[type[Artifact], ...]]
    """What may flow in."""
    gives: ClassVar[type[Artifact]]
    rowwise: ClassVar[bool] = True
    """The row law: a call on a slice gives that slice of the answer."""
    chunk_rows: ClassVar[int] = 8192
    """How many rows are made and kept at a time; a border of a chunk is a row number, so it moves for no one."""
    planned: ClassVar[frozenset[str]] = frozenset()
    """Settings that a plan fills in, and no suite."""
    version: ClassVar[int] = 1
    """Raise it when the same settings start to give another output."""
    inert: ClassVar[frozenset[str]] = frozenset()
    """Fields that cannot change the output, as a budget or where a key lies: no part of its name."""

    @classmethod
    def word(cls) -> str:
        """Name the stage as the suite does; a class that no registry named yet, by its own name."""
        return f"{cls.role}: {getattr(cls, 'name', cls.__name__)}"

    @property
    def recipe(self) -> dict[str, Any]:
        """What the stage contributes to the name of its output."""
        return {
            "stage": f"{self.role}/{self.name}",
            "version": self.version,
            "settings": self.model_dump(mode="json", exclude=set(self.inert)),
        }

    @property
    def doubt(self) -> str | None:
        """What a reader should know before trusting what this stage gives; None: nothing."""
        return None


class TwoSided(Stage):
    """A stage that documents and queries both pass through, perhaps with other settings on each side."""

    def on(self, side: Side) -> Self:
        """Return the stage as it stands on one side, without the settings of the other."""
        del side
        return self


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


class Use(NamedTuple):
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
    def use(self) -> Use:
        """What becomes of the drafts."""
        raise NotImplementedError

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Queries], Drafts]:
        """Load the weights, or open the endpoint; the call has the drafts of Queries written."""
        raise NotImplementedError


class Drafted(Stage):
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


class Filter(Stage):
    """A run to the same run without some documents, cut at `depth`. No suite names it: the data set asks for it."""

    role = "filter"
    takes: ClassVar[tuple[type[Artifact], ...]] = (Run,)
    gives: ClassVar[type[Artifact]] = Run
    depth: int

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """The call takes documents out of a Run, whose `rows` are rows of `queries`."""
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


class Source(Stage):
    """A leaf: one part of a data set, or a model, named by the checksum of its content (or its published revision)."""

    role = "source"
    takes: ClassVar[tuple[type[Artifact], ...]] = ()
    rowwise = False
    content: str

    @property
    def recipe(self) -> dict[str, Any]:
        """A source is its content, and nothing else."""
        return {"stage": f"{self.role}/{self.name}", "content": self.content}


class CorpusSource(Source):
    """The documents of a data set."""

    name = "corpus"
    gives = Corpus


class QueriesSource(Source):
    """The queries of a data set."""

    name = "queries"
    gives = Queries


class QrelsSource(Source):
    """The judgements of a data set."""

    name = "qrels"
    gives = Qrels


class ReferencesSource(Source):
    """Reference answers and tags of a data set."""

    name = "references"
    gives = References


class SpansSource(Source):
    """Gold spans of a data set."""

    name = "spans"
    gives = Spans


class RunfileSource(Source):
    """A run file of a system that is not ours."""

    name = "runfile"
    gives = RunLines


class ModelSource(Source):
    """The weights of a model."""

    name = "model"
    gives = Model


@dataclass(frozen=True)
class Node:
    """A stage with the nodes it reads. Equal chains are the same node, wherever they stand."""

    stage: Stage
    stream: tuple[Node, ...] = ()
    """What flows through, and is timed."""
    static: tuple[Node | None, ...] = ()
    """What is held, and is opened once; in the order of `open`."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        """All nodes it reads."""
        return (*self.stream, *(node for node in self.static if node))

    @property
    def gives(self) -> type[Artifact]:
        """The kind of artifact it makes."""
        return self.stage.gives

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """All that names the output."""
        if isinstance(self.stage, Source):
            return self.stage.recipe
        return self.stage.recipe | {
            "stream": [node.fingerprint for node in self.stream],
            "static": [node and node.fingerprint for node in self.static],
        }

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The name of the output."""
        return fingerprint(self.recipe)


def answering(run: Node) -> Iterator[Node]:
    """Give what `walk` gives, without that by which parameters were chosen: other queries, perhaps other documents."""
    return walk(run, above=lambda node: node.stream if node.stage.role == "tune" else node.inputs)


def walk(*ends: Node, above: Callable[[Node], tuple[Node, ...]] = lambda node: node.inputs) -> Iterator[Node]:
    """Give every distinct node above the given ones and themselves, inputs before their users."""
    seen: set[Fingerprint] = set()

    def visit(node: Node) -> Iterator[Node]:
        if node.fingerprint not in seen:
            seen.add(node.fingerprint)
            for other in above(node):
                yield from visit(other)
            yield node

    for end in ends:
        yield from visit(end)
