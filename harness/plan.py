"""Suite to Plan: the distinct stages of all systems, each once. The wiring table is all that knows how stages fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from harness.artifacts.passages import Passages
from harness.errors import Place, SuiteError
from harness.fingerprint import Fingerprint, fingerprint
from harness.measures.parse import of_spans, parse
from harness.registry import STAGES
from harness.sources import Collection, Leaves
from harness.stage import (
    Arranger,
    ExhaustiveSearcher,
    Indexer,
    Node,
    Reducer,
    Rescorer,
    ScoreFuser,
    Searcher,
    Stage,
    TwoSided,
)
from harness.suite import Suite
from harness.systems import Step, System
from harness.tuning import Tuning
from harness.words import describe_node


@dataclass(frozen=True)
class Line:
    """A system on one data set, as far as it is laid: what the next stage will find."""

    corpus: Node
    queries: Node
    docs: Node
    """What an index will be made of: the documents, or their vectors."""
    asks: Node
    """What will be searched with: the queries, or their vectors."""
    model: Node | None = None
    """The weights that the step in hand names, if it names any."""
    runfile: Node | None = None
    """The run file that the step in hand names, if it names any."""
    ignore_identical_ids: bool = False
    """Whether a document that bears its query's id is taken out of every run."""
    index: Node | None = None
    run: Node | None = None
    passages: Node | None = None
    """What the documents were cut into, where a chunker stands in the chain; what is encoded and indexed."""
    found: Node | None = None
    """The passages that the run holds; None where it holds documents."""
    contexts: Node | None = None
    """What a reader gets of the run, where the system arranges it."""

    @property
    def texts(self) -> Node:
        """What is encoded, and indexed if nothing encodes it: passages, else the documents."""
        return self.passages or self.corpus

    @property
    def held(self) -> Node:
        """What the run holds: passages, else documents."""
        return self.found or self.corpus


class Ceiling(NamedTuple):
    """The score that a perfect reranker would have reached with the documents that a reranker was given."""

    reranker: Stage
    score: Node


@dataclass(frozen=True)
class Target:
    """What a system owes on one data set: a run, its scores by measure, and what its approximate search misses."""

    dataset: str
    system: str
    line: Line
    run: Node
    scores: Mapping[str, Node]
    index_recall: Mapping[str, Node] = field(default_factory=dict)
    """By quantity, as `index_recall@10`; nothing where all searches are exact, or several are not."""
    ceilings: tuple[Ceiling, ...] = ()
    context_spans: Mapping[str, Node] = field(default_factory=dict)
    """By quantity, as `context_span_recall`; nothing without contexts or without gold spans."""

    @property
    def numbers(self) -> Mapping[str, Node]:
        """All that has a value a query, by quantity."""
        return {**self.scores, **self.index_recall, **self.context_spans}

    @property
    def ends(self) -> tuple[Node, ...]:
        """All that is to be made; the rest is what these need."""
        contexts = (self.line.contexts,) if self.line.contexts else ()
        return (self.run, *contexts, *self.numbers.values(), *(ceiling.score for ceiling in self.ceilings))


@dataclass(frozen=True)
class Plan:
    """Every distinct node once, inputs before their users, and what each system owes."""

    suite: Suite
    leaves: Leaves
    nodes: tuple[Node, ...]
    targets: tuple[Target, ...]
    asked: int
    """How many nodes the systems ask for, before sharing."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The name of all that is to be made."""
        return fingerprint(
            [
                [t.dataset, t.system, *(node.fingerprint for node in (*t.numbers.values(), t.line.contexts) if node)]
                for t in self.targets
            ]
        )

    def users(self) -> dict[Fingerprint, list[str]]:
        """Return the systems that each node serves, in the order of the suite."""
        found: dict[Fingerprint, list[str]] = {}
        for target in self.targets:
            for node in walk(*target.ends):
                names = found.setdefault(node.fingerprint, [])
                if target.system not in names:
                    names.append(target.system)
        return found


class Lay(Protocol):
    """Lays a system of the suite, by its name, on one data set."""

    def __call__(self, name: str) -> Line:
        """Return the line at the end of the system, for others to go on from: its contexts are its own."""

    def on(self, dataset: str, step: Step) -> Lay:
        """Return what lays systems on another data set. SuiteError, at the step, where it is not at hand."""

    def scores(self, line: Line, measure: str, place: Place) -> Node:
        """Return the scores of a line's run on this data set. SuiteError, at the place, where they cannot be had."""


Wire = Callable[[Step, Line, Lay], Line]


def _chunk(step: Step, line: Line, _: Lay) -> Line:
    title = f"'chunk: {step.word}'"
    if line.passages is not None:
        raise SuiteError(f"{title} takes Corpus, not the Passages of '{line.passages.stage.word()}'", step.place)
    passages = join(step.stages["chunk"], (line.docs,), (line.model,), step)
    return replace(line, docs=passages, passages=passages)


def _encode(step: Step, line: Line, _: Lay) -> Line:
    docs, asks = _both_sides("encode", step, line.texts, line.queries, (line.model,))
    return replace(line, docs=docs, asks=asks)


def _reduce(step: Step, line: Line, _: Lay) -> Line:
    stage = step.stages["reduce"]
    static = (line.docs,) if isinstance(stage, Reducer) and stage.fitted else ()
    docs, asks = _both_sides("reduce", step, line.docs, line.asks, static)
    return replace(line, docs=docs, asks=asks if not isinstance(stage, Reducer) or stage.of_queries else line.asks)


def _index(step: Step, line: Line, _: Lay) -> Line:
    index = join(step.stages["index"], (line.docs,), (), step)
    line = replace(line, index=index, found=line.passages)
    return replace(line, run=_found(step.stages["search"], (line.asks,), (index,), step, line))


def _collapse(step: Step, line: Line, _: Lay) -> Line:
    if line.run is not None and line.found is None:
        raise SuiteError(
            f"'collapse: {step.word}' takes a Run of Passages, not a Run of the documents of a Corpus: "
            "no chunk comes before its search",
            step.place,
        )
    return replace(line, run=join(step.stages["collapse"], (line.run,), (line.found,), step), found=None)


def _arrange(step: Step, line: Line, _: Lay) -> Line:
    stage = step.stages["arrange"]
    if line.run is not None and line.found is None and isinstance(stage, Arranger) and stage.of_passages:
        why = "no chunk comes before its search"
        if any(node.stage.role == "collapse" for node in answering(line.run)):
            why = "put it before the collapse"
        raise SuiteError(
            f"'arrange: {step.word}' takes a Run of Passages, not a Run of the documents of a Corpus: {why}", step.place
        )
    static = (line.held, line.corpus, line.queries, line.model)
    return replace(line, contexts=join(stage, (line.run,), static, step))


def _found(
    stage: Stage, stream: tuple[Node | None, ...], static: tuple[Node | None, ...], step: Step, line: Line
) -> Node:
    """Place a stage that finds what the line holds.

    Where a query's own id is ignored, it looks one deeper, and a filter follows.
    So every run is without that document before it is cut, fused, reranked or scored.
    """
    if not line.ignore_identical_ids:
        return join(stage, stream, static, step)
    depth = stage.model_dump()["depth"]
    found = join(stage.model_copy(update={"depth": depth + 1}), stream, static, step)
    return join(STAGES["filter/identical_ids"](depth=depth), (found,), (line.held, line.queries), step)


def _fuse(step: Step, line: Line, lay: Lay) -> Line:
    if step.tuning is not None:
        return _tuned(step, step.tuning, line, lay)
    stage, arms = step.stages["fuse"], [lay(name) for name in step.of]
    line = replace(line, found=_same_texts(step, arms))
    if isinstance(stage, ScoreFuser):
        return _fuse_scores(step, stage, line, arms)
    return replace(line, run=join(stage, tuple(arm.run for arm in arms), (), step))


def _same_texts(step: Step, arms: Sequence[Line]) -> Node | None:
    """Return the passages that all runs hold, None for documents; SuiteError where they are not of the same texts."""
    first = arms[0]
    for name, arm in zip(step.of, arms, strict=True):
        if arm.held.fingerprint != first.held.fingerprint:
            raise SuiteError(
                f"'{step.role}: {step.word}' joins runs of the same texts, but {step.of[0]!r} finds {_named(first)} "
                f"and {name!r} {_named(arm)}: end those that chunk with a collapse",
                step.place,
            )
    return first.found


def _named(line: Line) -> str:
    return f"the Passages of '{describe_node(line.found)}'" if line.found else "the documents of the Corpus"


def _tuned(step: Step, tuning: Tuning, line: Line, lay: Lay) -> Line:
    """Fuse by every candidate, here and where it is chosen; the tuner then takes what is best there."""

    def tried(where: Lay) -> list[Line]:
        arms = [where(name) for name in step.of]
        for name, arm in zip(step.of, arms, strict=True):
            if arm.run is not None and any(node.stage.role == "tune" for node in walk(arm.run)):
                raise SuiteError(f"tune: {name!r} is tuned itself; judgements would be used twice", step.place)
        steps = [replace(step, stages={"fuse": candidate}, tuning=None) for candidate in tuning.candidates]
        return [_fuse(one, arms[0], where) for one in steps]

    where = lay.on(tuning.train, step) if tuning.train else lay
    scores = tuple(where.scores(one, tuning.measure, step.place) for one in tried(where))
    lines = tried(lay)
    runs = tuple(one.run for one in lines)
    run = join(STAGES["tune/best"](folds=tuning.folds, seed=tuning.seed), runs, scores, step)
    return replace(line, run=run, found=lines[0].found)


def _fuse_scores(step: Step, stage: ScoreFuser, line: Line, arms: list[Line]) -> Line:
    searchers = [_searcher(step, name, arm) for name, arm in zip(step.of, arms, strict=True)]
    try:
        stage = stage.over(searchers)
    except ValueError as error:
        raise SuiteError(f"'{step.role}: {step.word}' {error}", step.place) from None
    run = _found(stage, tuple(arm.asks for arm in arms), tuple(arm.index for arm in arms), step, line)
    return replace(line, run=run)


def _searcher(step: Step, name: str, arm: Line) -> ExhaustiveSearcher:
    """Return the searcher with which a system ends. SuiteError where it ends otherwise, or cannot score everything."""
    run = arm.run.stream[0] if arm.run is not None and arm.run.stage.role == "filter" else arm.run
    title = f"'{step.role}: {step.word}' scores all documents, and {name!r}"
    if run is None or not isinstance(run.stage, Searcher):
        end = f"with '{run.stage.word()}'" if run else "without a search"
        raise SuiteError(f"{title} ends {end}: name a system that ends with an index", step.place)
    if not isinstance(run.stage, ExhaustiveSearcher):
        raise SuiteError(f"{title} knows those only that its 'index: {run.stage.name}' finds", step.place)
    return run.stage


def _rerank(step: Step, line: Line, _: Lay) -> Line:
    stage = step.stages["rerank"]
    static: tuple[Node | None, ...] = (line.held, line.queries, line.model)
    if "encode" in step.stages:
        static = _both_sides("encode", step, line.held, line.queries, (line.model,))
    run = join(stage, (line.run,), static, step)
    looks, found = getattr(stage, "depth", 0), _depth(run.stream[0])
    if looks > found:
        said = f"'{step.role}: {step.word}' looks {looks} deep, but the run before it is {found} deep"
        raise SuiteError(f"{said}: say depth: {looks} of the search too, or a smaller depth here", step.place)
    return replace(line, run=run)


def _depth(run: Node) -> int:
    """Return how deep a run is: a reranker or a tuner leaves it as it is, a collapse makes it no deeper."""
    while run.stage.role in ("rerank", "tune", "collapse"):
        run = run.stream[0]
    return int(run.stage.model_dump()["depth"])


def _runfile(step: Step, line: Line, _: Lay) -> Line:
    line = replace(line, found=None)
    run = _found(step.stages["runfile"], (line.queries,), (line.runfile, line.corpus), step, line)
    return replace(line, run=run)


def _from(step: Step, _: Line, lay: Lay) -> Line:
    return lay(step.word)


WIRING: Mapping[str, Wire] = {
    "from": _from,
    "chunk": _chunk,
    "encode": _encode,
    "reduce": _reduce,
    "index": _index,
    "fuse": _fuse,
    "rerank": _rerank,
    "collapse": _collapse,
    "arrange": _arrange,
    "runfile": _runfile,
}


def join(stage: Stage, stream: tuple[Node | None, ...], static: tuple[Node | None, ...], step: Step) -> Node:
    """Place a stage behind its inputs. Raises SuiteError, before anything runs, where they do not fit."""
    title = f"'{step.role}: {step.word}'"
    nodes = tuple(node for node in stream if node is not None)
    if len(nodes) < len(stream):
        raise SuiteError(f"{title} stands too early: no search comes before it", step.place)
    for node in nodes:
        if not issubclass(node.gives, stage.takes):
            wanted = " or ".join(kind.__name__ for kind in stage.takes)
            raise SuiteError(f"{title} takes {wanted}, not {node.gives.__name__}", step.place)
    if isinstance(stage, Searcher) and static and static[0] is not None:
        readable, made = stage.reads or (stage.name,), static[0].stage.name
        if made not in readable:
            raise SuiteError(f"'search: {stage.name}' cannot read 'index: {made}'", step.place)
    return Node(stage, nodes, static)


def _both_sides(role: str, step: Step, docs: Node, asks: Node, static: tuple[Node | None, ...]) -> tuple[Node, Node]:
    stage = step.stages[role]
    if not isinstance(stage, TwoSided):
        raise SuiteError(f"'{step.role}: {step.word}' must be a stage of two sides", step.place)
    return join(stage.on("document"), (docs,), static, step), join(stage.on("query"), (asks,), static, step)


def make_plan(suite: Suite, leaves: Leaves, only: Callable[[str, str], bool] = lambda _dataset, _system: True) -> Plan:
    """Lay every system on every data set (those that `only` lets through). Raises SuiteError for wrong wiring."""
    targets = [
        _target(suite, leaves, collection, system)
        for collection in leaves.collections.values()
        for system in suite.systems.values()
        if collection.name not in suite.trained and only(collection.name, system.name)
    ]
    if not targets:
        tuned = f"; {', '.join(map(repr, sorted(suite.trained)))}: for tuning only" if suite.trained else ""
        raise SuiteError(f"no system of the suite is left to run{tuned}", Place(str(suite.file)))
    asked = [node for target in targets for node in walk(*target.ends)]
    unique = {node.fingerprint: node for node in asked}
    return Plan(suite, leaves, tuple(unique.values()), tuple(targets), len(asked))


def _target(suite: Suite, leaves: Leaves, collection: Collection, system: System) -> Target:
    lay = _Lay(suite, leaves, collection)
    line = lay.whole(system.name)
    if line.run is None:
        raise SuiteError(f"the system {system.name!r} ends without a search", system.place)
    if line.found is not None:
        raise SuiteError(
            f"the system {system.name!r} ends with a Run of Passages, and a system answers with documents: "
            "end it with {collapse: max}; measures of spans look at the passages before it",
            system.place,
        )
    scores = {name: lay.scores(line, name, system.place) for name in suite.measures}
    recall = _index_recall(line.run, collection.ignore_identical_ids)
    static = (collection.corpus, collection.queries, collection.qrels)
    ceilings = tuple(_ceilings(line.run, static, suite))
    spans = _context_spans(line, collection)
    return Target(collection.name, system.name, line, line.run, scores, recall, ceilings, spans)


@dataclass(frozen=True)
class _Lay:
    suite: Suite
    leaves: Leaves
    collection: Collection

    def __call__(self, name: str) -> Line:
        return replace(self.whole(name), contexts=None)

    def whole(self, name: str) -> Line:
        """Return the line at the end of the system, with its contexts."""
        found = self.collection
        line = Line(
            found.corpus,
            found.queries,
            docs=found.corpus,
            asks=found.queries,
            ignore_identical_ids=found.ignore_identical_ids,
        )
        for step in self.suite.systems[name].steps:
            if step.role not in WIRING:
                raise SuiteError(f"'{step.role}' cannot stand in a system yet", step.place)
            if line.contexts is not None and step.role != "collapse":
                raise SuiteError(
                    f"'{step.role}: {step.word}' cannot take the Contexts of '{line.contexts.stage.word()}': "
                    "behind it stands a collapse at most, of the run that it arranges",
                    step.place,
                )
            model = self.leaves.models[step.model].node if step.model else None
            runfile = self.leaves.runfiles[found.name, step.word].node if step.role == "runfile" else None
            line = WIRING[step.role](step, replace(line, model=model, runfile=runfile), self)
        return line

    def on(self, dataset: str, step: Step) -> _Lay:
        if dataset not in self.leaves.collections:
            raise SuiteError(f"tune, train: the data set {dataset!r} is not among those given here", step.place)
        return replace(self, collection=self.leaves.collections[dataset])

    def scores(self, line: Line, measure: str, place: Place) -> Node:
        assert line.run is not None  # noqa: S101  what `join` and `_target` look at
        if of_spans(parse(measure)):
            return self._of_spans(line.run, line.held, measure, place)
        if line.found is not None:
            raise SuiteError(
                f"{measure} scores documents, but this run holds {_named(line)}: collapse before it", place
            )
        static = (self.collection.corpus, self.collection.queries, self.collection.qrels)
        return Node(STAGES["score/qrels"](measure=measure), (line.run,), static)

    def _of_spans(self, run: Node, texts: Node | None, measure: str, place: Place) -> Node:
        """Place a measure of spans: behind the passages that a collapse ends, else behind what the run holds."""
        found = self.collection
        if found.spans is None:
            raise SuiteError(
                f"{measure} needs spans that answer the queries, and the data set {found.name!r} has none", place
            )
        if run.stage.role == "collapse":
            run, texts = run.stream[0], run.static[0]
        return Node(STAGES["score/spans"](measure=measure), (run,), (texts, found.corpus, found.queries, found.spans))


def _index_recall(run: Node, ignore_identical_ids: bool) -> dict[str, Node]:
    """Hold the one approximate search of a system against an exact one of the same vectors, at 10 and at the depth."""
    found = [node for node in answering(run) if isinstance(node.stage, Searcher) and not _is_exact(node)]
    if len(found) != 1:
        return {}
    search = found[0]
    index = search.static[0]
    assert index is not None  # noqa: S101  what `_is_exact` looked at
    looked = search.stage.model_dump()["depth"]
    flat = Node(STAGES["index/flat"](similarity=index.stage.model_dump()["similarity"]), index.stream)
    ideal = Node(STAGES["search/flat"](depth=looked), search.stream, (flat,))
    depth = looked - ignore_identical_ids
    return {
        f"index_recall@{k}": Node(STAGES["score/index_recall"](k=k), (search,), (ideal,))
        for k in sorted({min(10, depth), depth})
    }


def _context_spans(line: Line, collection: Collection) -> dict[str, Node]:
    """Hold what a reader gets against the gold spans, where there are both."""
    if line.contexts is None or collection.spans is None:
        return {}
    static = (collection.corpus, collection.queries, collection.spans)
    return {
        f"context_{measure}": Node(STAGES["score/contexts"](measure=measure), (line.contexts,), static)
        for measure in ("span_recall", "span_precision", "span_iou")
    }


def _is_exact(search: Node) -> bool:
    index = search.static[0] if search.static else None
    return index is None or not isinstance(index.stage, Indexer) or index.stage.exact


def _ceilings(run: Node, static: tuple[Node | None, ...], suite: Suite) -> Iterator[Ceiling]:
    """Give two for each reranker of documents: the recall of those it was given, and the best headline measure.

    A headline of spans has none; nor has a reranker of passages, which no judgements name.
    """
    for node in answering(run):
        if node.stage.role == "rerank" and not _of_passages(node):
            depth = getattr(node.stage, "depth", _depth(node))
            measures = dict.fromkeys((f"R@{depth}", suite.measures[0]))
            for measure in (name for name in measures if not of_spans(parse(name))):
                score = Node(STAGES["score/ceiling"](measure=measure, depth=depth), node.stream, static)
                yield Ceiling(node.stage, score)


def _of_passages(reranker: Node) -> bool:
    texts = reranker.static[0]
    if isinstance(reranker.stage, Rescorer) and texts is not None:
        texts = texts.stream[0]
    return texts is not None and issubclass(texts.gives, Passages)


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
