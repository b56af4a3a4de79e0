"""The wiring table: for each role, how its stage goes on from the line. It is all that knows how stages fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.artifacts.text import Corpus
from harness.artifacts.vectors import Vectors
from harness.errors import SuiteError
from harness.plan.fusion import fuse
from harness.plan.placement import ChainBuilder, Wire, both_sides, depth_of, join, one_side, place_search
from harness.plan.plan import Chain
from harness.registry import STAGES
from harness.stage import Arranger, Node, Reducer, Rewriter, answer_nodes
from harness.stage.base import Side
from harness.suite import Step

BEGIN = {"from", "fuse", "runfile"}
"""Roles that go on from no line: what stands before them would be lost."""
BEHIND = {"rerank", "collapse", "arrange"}
"""Roles that take a run; all others but these and those that begin make what is searched."""


def wire(step: Step, line: Chain, lay: ChainBuilder) -> Chain:
    """Go on from a line by a step. SuiteError where it does not fit there, or what stands before it would be lost."""
    title = f"'{step.role}: {step.word}'"
    if step.role not in WIRING:
        raise SuiteError(f"'{step.role}' cannot stand in a system yet", step.place)
    if line.contexts is not None and step.role != "collapse":
        raise SuiteError(
            f"{title} cannot take the Contexts of '{line.contexts.stage.word()}': "
            "behind it stands a collapse at most, of the run that it arranges",
            step.place,
        )
    if line.begun and step.role in BEGIN:
        raise SuiteError(
            f"{title} has documents and queries of its own, and begins a system: what stands before it would be lost",
            step.place,
        )
    if line.run is not None and step.role not in BEHIND:
        takes = " or ".join(kind.__name__ for kind in next(iter(step.stages.values())).takes)
        raise SuiteError(f"{title} takes {takes}, not a Run: it stands before the search", step.place)
    return WIRING[step.role](step, line, lay)


def _chunk(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    title = f"'chunk: {step.word}'"
    if line.passages is not None:
        raise SuiteError(f"{title} takes Corpus, not the Passages of '{line.passages.stage.word()}'", step.place)
    passages = join(step.stages["chunk"], (line.docs,), (line.model,), step)
    return replace(line, docs=passages, passages=passages)


def _rewrite(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    stage, title = step.stages["rewrite"], f"'rewrite: {step.word}'"
    if line.others:
        raise SuiteError(f"{title} takes Queries, not the several of the rewriter before it", step.place)
    if not isinstance(stage, Rewriter):
        raise SuiteError(f"{title} must be a Rewriter", step.place)
    drafts, use = join(stage, (line.asks,), (line.model,), step), stage.use
    own = [line.question] if use.with_query else []
    if use.kind == "average":
        texts = tuple(Node(STAGES["draft/document"](number=number), (drafts,)) for number in range(use.n))
        return replace(line, use=use, asks=drafts, averaged=(*own, *texts))
    word = STAGES["draft/query"]
    texts = tuple(Node(word(number=number, repeat_query=use.repeat_query), (drafts,)) for number in range(use.n))
    if use.kind == "replace":
        return replace(line, use=use, asks=texts[0], replaced=texts[0])
    first, *others = *own, *texts
    return replace(line, use=use, asks=first, others=tuple(others))


def _encode(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    def on(side: Side, texts: Node) -> Node:
        return one_side("encode", side, step, texts, (line.model,))

    docs = on("document", line.docs)
    if line.averaged:
        parts = [on("document" if issubclass(texts.gives, Corpus) else "query", texts) for texts in line.averaged]
        return replace(line, docs=docs, asks=_mean(parts, step), averaged=())
    asks, *others = (on("query", texts) for texts in (line.asks, *line.others))
    return replace(line, docs=docs, asks=asks, others=tuple(others))


def _mean(parts: Sequence[Node], step: Step) -> Node:
    if not issubclass(parts[0].gives, Vectors):
        given = f"the {parts[0].gives.__name__} of '{step.role}: {step.word}'"
        raise SuiteError(f"drafts are averaged as Vectors, not as {given}", step.place)
    return Node(STAGES["draft/mean"](), tuple(parts))


def _reduce(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    stage = step.stages["reduce"]
    static = (line.docs,) if isinstance(stage, Reducer) and stage.fitted else ()
    docs, *asks = both_sides("reduce", step, line.docs, (line.asks, *line.others), static)
    if isinstance(stage, Reducer) and not stage.of_queries:
        return replace(line, docs=docs)
    return replace(line, docs=docs, asks=asks[0], others=tuple(asks[1:]))


def _index(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    index, search = join(step.stages["index"], (line.docs,), (), step), step.stages["search"]
    line = replace(line, index=index, found=line.passages)
    runs = tuple(place_search(search, (asks,), (index,), step, line) for asks in (line.asks, *line.others))
    if line.use is None or len(runs) == 1:
        return replace(line, run=runs[0])
    rrf = STAGES["fuse/rrf"](k=line.use.k, depth=search.model_dump()["depth"])
    return replace(line, run=join(rrf, runs, (), step), others=())


def _collapse(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    if line.run is not None and line.found is None:
        collapsed = any(node.stage.role == "collapse" for node in answer_nodes(line.run))
        why = "it is collapsed already" if collapsed else "no chunk comes before its search"
        raise SuiteError(
            f"'collapse: {step.word}' takes a Run of Passages, not a Run of the documents of a Corpus: {why}",
            step.place,
        )
    return replace(line, run=join(step.stages["collapse"], (line.run,), (line.found,), step), found=None)


def _arrange(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    stage = step.stages["arrange"]
    if line.run is not None and line.found is None and isinstance(stage, Arranger) and stage.of_passages:
        why = "no chunk comes before its search"
        if any(node.stage.role == "collapse" for node in answer_nodes(line.run)):
            why = "put it before the collapse"
        raise SuiteError(
            f"'arrange: {step.word}' takes a Run of Passages, not a Run of the documents of a Corpus: {why}", step.place
        )
    static = (line.held, line.corpus, line.queries, line.model)
    return replace(line, contexts=join(stage, (line.run,), static, step))


def _rerank(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    stage = step.stages["rerank"]
    static: tuple[Node | None, ...] = (line.held, line.question, line.model)
    if "encode" in step.stages:
        static = both_sides("encode", step, line.held, (line.question,), (line.model,))
    run = join(stage, (line.run,), static, step)
    looks, found = getattr(stage, "depth", 0), depth_of(run.stream[0])
    if looks > found:
        said = f"'{step.role}: {step.word}' looks {looks} deep, but the run before it is {found} deep"
        raise SuiteError(f"{said}: say depth: {looks} of the search too, or a smaller depth here", step.place)
    return replace(line, run=run)


def _runfile(step: Step, line: Chain, _: ChainBuilder) -> Chain:
    line = replace(line, found=None)
    run = place_search(step.stages["runfile"], (line.queries,), (line.runfile, line.corpus), step, line)
    return replace(line, run=run)


def _from(step: Step, _: Chain, lay: ChainBuilder) -> Chain:
    return lay(step.word)


WIRING: Mapping[str, Wire] = {
    "from": _from,
    "chunk": _chunk,
    "rewrite": _rewrite,
    "encode": _encode,
    "reduce": _reduce,
    "index": _index,
    "fuse": fuse,
    "rerank": _rerank,
    "collapse": _collapse,
    "arrange": _arrange,
    "runfile": _runfile,
}
