"""Suite to Plan: the distinct stages of all systems, each once. The wiring table is all that knows how stages fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.errors import Place, SuiteError
from harness.fingerprint import Fingerprint, fingerprint
from harness.measures.parse import of_spans, parse
from harness.registry import STAGES
from harness.sources import Collection, Leaves
from harness.stage import Node, Searcher, Stage, TwoSided
from harness.suite import Suite
from harness.systems import Step, System
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

    @property
    def texts(self) -> Node:
        """What is encoded, and indexed if nothing encodes it: passages, else the documents."""
        return self.passages or self.corpus


@dataclass(frozen=True)
class Target:
    """What a system owes on one data set: a run, and its scores by measure."""

    dataset: str
    system: str
    line: Line
    run: Node
    scores: Mapping[str, Node]


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
            [[t.dataset, t.system, *(node.fingerprint for node in t.scores.values())] for t in self.targets]
        )

    def users(self) -> dict[Fingerprint, list[str]]:
        """Return the systems that each node serves, in the order of the suite."""
        found: dict[Fingerprint, list[str]] = {}
        for target in self.targets:
            for node in walk(*target.scores.values()):
                names = found.setdefault(node.fingerprint, [])
                if target.system not in names:
                    names.append(target.system)
        return found


Wire = Callable[[Step, Line, Callable[[str], Line]], Line]


def _chunk(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    title = f"'chunk: {step.word}'"
    if line.passages is not None:
        raise SuiteError(f"{title} takes Corpus, not the Passages of '{line.passages.stage.word()}'", step.place)
    passages = join(step.stages["chunk"], (line.docs,), (line.model,), step)
    return replace(line, docs=passages, passages=passages)


def _encode(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    docs, asks = _both_sides(step, line.texts, line.queries, (line.model,))
    return replace(line, docs=docs, asks=asks)


def _reduce(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    docs, asks = _both_sides(step, line.docs, line.asks, ())
    return replace(line, docs=docs, asks=asks)


def _index(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    index = join(step.stages["index"], (line.docs,), (), step)
    run = _found(step.stages["search"], (line.asks,), (index,), step, line)
    return replace(line, index=index, run=run, found=line.passages)


def _collapse(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    if line.run is not None and line.found is None:
        raise SuiteError(
            f"'collapse: {step.word}' takes a Run of Passages, not a Run of the documents of a Corpus: "
            "no chunk comes before its search",
            step.place,
        )
    return replace(line, run=join(step.stages["collapse"], (line.run,), (line.found,), step), found=None)


def _found(
    stage: Stage, stream: tuple[Node | None, ...], static: tuple[Node | None, ...], step: Step, line: Line
) -> Node:
    """Place a stage that finds documents. Where a query's own id is ignored, it looks one deeper, and a filter follows.

    So every run is without that document before it is cut, fused, reranked or scored.
    """
    if not line.ignore_identical_ids:
        return join(stage, stream, static, step)
    depth = stage.model_dump()["depth"]
    found = join(stage.model_copy(update={"depth": depth + 1}), stream, static, step)
    return join(STAGES["filter/identical_ids"](depth=depth), (found,), (line.texts, line.queries), step)


def _fuse(step: Step, line: Line, lay: Callable[[str], Line]) -> Line:
    lines = {name: lay(name) for name in step.of}
    run = join(step.stages["fuse"], tuple(laid.run for laid in lines.values()), (), step)
    return replace(line, run=run, found=_same_texts(lines, step))


def _same_texts(lines: Mapping[str, Line], step: Step) -> Node | None:
    """Return the passages that all runs hold, None for documents; SuiteError where they are not of the same texts."""
    (first, held), *others = [(name, line.found) for name, line in lines.items()]
    for name, found in others:
        if (found and found.fingerprint) != (held and held.fingerprint):
            raise SuiteError(
                f"'fuse: {step.word}' joins runs of the same texts, but {first!r} finds {_named(held)} and {name!r} "
                f"{_named(found)}: end those that chunk with a collapse",
                step.place,
            )
    return held


def _named(found: Node | None) -> str:
    return f"the Passages of '{describe_node(found)}'" if found else "the documents of the Corpus"


def _rerank(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    run = join(step.stages["rerank"], (line.run,), (line.found or line.corpus, line.queries, line.model), step)
    return replace(line, run=run)


def _runfile(step: Step, line: Line, _: Callable[[str], Line]) -> Line:
    line = replace(line, passages=None, found=None)
    run = _found(step.stages["runfile"], (line.queries,), (line.runfile, line.corpus), step, line)
    return replace(line, run=run)


def _from(step: Step, _: Line, lay: Callable[[str], Line]) -> Line:
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


def _both_sides(step: Step, docs: Node, asks: Node, static: tuple[Node | None, ...]) -> tuple[Node, Node]:
    stage = step.stages[step.role]
    if not isinstance(stage, TwoSided):
        raise SuiteError(f"'{step.role}: {step.word}' must be a stage of two sides", step.place)
    return join(stage.on("document"), (docs,), static, step), join(stage.on("query"), (asks,), static, step)


def make_plan(suite: Suite, leaves: Leaves, only: Callable[[str, str], bool] = lambda _dataset, _system: True) -> Plan:
    """Lay every system on every data set (those that `only` lets through). Raises SuiteError for wrong wiring."""
    targets = [
        _target(suite, leaves, collection, system)
        for collection in leaves.collections.values()
        for system in suite.systems.values()
        if only(collection.name, system.name)
    ]
    if not targets:
        raise SuiteError("no system of the suite is left to run", Place(str(suite.file)))
    asked = [node for target in targets for node in walk(*target.scores.values())]
    unique = {node.fingerprint: node for node in asked}
    return Plan(suite, leaves, tuple(unique.values()), tuple(targets), len(asked))


def _target(suite: Suite, leaves: Leaves, collection: Collection, system: System) -> Target:
    ignore = collection.ignore_identical_ids
    start = Line(
        collection.corpus,
        collection.queries,
        docs=collection.corpus,
        asks=collection.queries,
        ignore_identical_ids=ignore,
    )

    def lay(name: str) -> Line:
        line = start
        for step in suite.systems[name].steps:
            if step.role not in WIRING:
                raise SuiteError(f"'{step.role}' cannot stand in a system yet", step.place)
            model = leaves.models[step.model].node if step.model else None
            runfile = leaves.runfiles[collection.name, step.word].node if step.role == "runfile" else None
            line = WIRING[step.role](step, replace(line, model=model, runfile=runfile), lay)
        return line

    line = lay(system.name)
    if line.run is None:
        raise SuiteError(f"the system {system.name!r} ends without a search", system.place)
    if line.found is not None:
        raise SuiteError(
            f"the system {system.name!r} ends with a Run of Passages, and a system answers with documents: "
            "end it with {collapse: max}; measures of spans look at the passages before it",
            system.place,
        )
    scores = {name: _score(name, line.run, collection, system) for name in suite.measures}
    return Target(collection.name, system.name, line, line.run, scores)


def _score(measure: str, run: Node, collection: Collection, system: System) -> Node:
    """Place a measure: of spans behind the passages that a collapse ends, else behind the documents of the run."""
    if not of_spans(parse(measure)):
        judged = (collection.corpus, collection.queries, collection.qrels)
        return Node(STAGES["score/qrels"](measure=measure), (run,), judged)
    if collection.spans is None:
        raise SuiteError(
            f"{measure} needs spans that answer the queries, and the data set {collection.name!r} has none",
            system.place,
        )
    texts: Node | None = collection.corpus
    if run.stage.role == "collapse":
        run, texts = run.stream[0], run.static[0]
    static = (texts, collection.corpus, collection.queries, collection.spans)
    return Node(STAGES["score/spans"](measure=measure), (run,), static)


def walk(*ends: Node) -> Iterator[Node]:
    """Give every distinct node above the given ones and themselves, inputs before their users."""
    seen: set[Fingerprint] = set()

    def visit(node: Node) -> Iterator[Node]:
        if node.fingerprint not in seen:
            seen.add(node.fingerprint)
            for above in node.inputs:
                yield from visit(above)
            yield node

    for end in ends:
        yield from visit(end)
