"""The wiring table: how the stage of each role continues a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.artifacts.text import Corpus
from harness.artifacts.vectors import Vectors
from harness.errors import SuiteError
from harness.plan.fusion import fuse
from harness.plan.placement import (
    ChainBuilder,
    Wire,
    depth_of,
    place_on_both_sides,
    place_on_side,
    place_search,
    place_stage,
    stage_of,
)
from harness.plan.plan import Chain, Rewriting
from harness.registry import STAGES
from harness.stage import Arranger, Node, Reducer, Rewriter, RunReader, Searcher, answer_nodes
from harness.stage.settings import HasDepth
from harness.suite import Step

FIRST = {"from", "fuse", "runfile"}
"""Roles that must be the first step of a system."""
AFTER_SEARCH = {"rerank", "collapse", "arrange"}
"""Roles that take a run; all roles that are neither here nor in `FIRST` prepare what is searched."""


def wire(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    """Continue a chain by a step. Raises SuiteError if the step does not fit, or would discard earlier steps."""
    if step.role not in WIRING:
        raise SuiteError(f"a system cannot have a step '{step.role}' yet", step.place)
    if chain.contexts is not None and step.role != "collapse":
        raise SuiteError(
            f"{step.title} cannot take the Contexts of '{chain.contexts.stage.word()}': "
            "only a collapse, which takes the run that was arranged, may follow",
            step.place,
        )
    if chain.started and step.role in FIRST:
        raise SuiteError(
            f"{step.title} must be the first step of a system: it brings its own documents and queries, "
            "so the steps before it would have no effect",
            step.place,
        )
    if chain.run is not None and step.role not in AFTER_SEARCH:
        takes = " or ".join(kind.__name__ for kind in next(iter(step.stages.values())).takes)
        raise SuiteError(f"{step.title} takes {takes}, not a Run: put it before the search", step.place)
    return replace(WIRING[step.role](step, chain, builder), started=True)


def _chunk(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    if chain.passages is not None:
        earlier = chain.passages.stage.word()
        raise SuiteError(f"{step.title} takes Corpus, not the Passages of '{earlier}'", step.place)
    passages = place_stage(step.stages["chunk"], (chain.docs,), (builder.model(step),), step)
    return replace(chain, docs=passages, passages=passages)


def _rewrite(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    stage = stage_of(step, "rewrite", Rewriter)
    if len(chain.search_queries) > 1:
        raise SuiteError(f"{step.title} takes Queries, not the several of the rewriter before it", step.place)
    drafts, use = place_stage(stage, chain.search_queries, (builder.model(step),), step), stage.use
    rewriting = Rewriting(use, chain.rewriting.replaced if chain.rewriting else None)
    original = (chain.question,) if use.with_query else ()
    if use.kind == "average":
        documents = tuple(Node(STAGES["draft/document"](number=number), (drafts,)) for number in range(use.n))
        rewriting = replace(rewriting, averaged=(*original, *documents))
        return replace(chain, rewriting=rewriting, search_queries=(drafts,))
    kind = STAGES["draft/query"]
    texts = tuple(Node(kind(number=number, repeat_query=use.repeat_query), (drafts,)) for number in range(use.n))
    if use.kind == "replace":
        return replace(chain, rewriting=replace(rewriting, replaced=texts[0]), search_queries=texts[:1])
    return replace(chain, rewriting=rewriting, search_queries=(*original, *texts))


def _encode(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    model = (builder.model(step),)
    rewriting = chain.rewriting
    if rewriting is None or not rewriting.averaged:
        docs, queries = place_on_both_sides("encode", step, chain.docs, chain.search_queries, model)
        return replace(chain, docs=docs, search_queries=queries)
    docs = place_on_side("encode", "document", step, chain.docs, model)
    vectors = [
        place_on_side("encode", "document" if issubclass(texts.gives, Corpus) else "query", step, texts, model)
        for texts in rewriting.averaged
    ]
    rewriting = replace(rewriting, averaged=())
    return replace(chain, docs=docs, search_queries=(_mean(vectors, step),), rewriting=rewriting)


def _mean(vectors: Sequence[Node], step: Step) -> Node:
    if not issubclass(vectors[0].gives, Vectors):
        raise SuiteError(
            f"drafts are averaged as Vectors, not as the {vectors[0].gives.__name__} of {step.title}", step.place
        )
    return Node(STAGES["draft/mean"](), tuple(vectors))


def _reduce(step: Step, chain: Chain, _: ChainBuilder) -> Chain:
    stage = stage_of(step, "reduce", Reducer)
    static = (chain.docs,) if stage.fitted else ()
    docs, queries = place_on_both_sides("reduce", step, chain.docs, chain.search_queries, static)
    return replace(chain, docs=docs, search_queries=queries if stage.of_queries else chain.search_queries)


def _index(step: Step, chain: Chain, _: ChainBuilder) -> Chain:
    index, search = place_stage(step.stages["index"], (chain.docs,), (), step), stage_of(step, "search", Searcher)
    chain = replace(chain, index=index, run_passages=chain.passages)
    runs = tuple(place_search(search, (queries,), (index,), step, chain) for queries in chain.search_queries)
    if chain.rewriting is None or len(runs) == 1:
        return replace(chain, run=runs[0])
    rrf = STAGES["fuse/rrf"](k=chain.rewriting.use.k, depth=search.depth)
    return replace(chain, run=place_stage(rrf, runs, (), step))


def _collapse(step: Step, chain: Chain, _: ChainBuilder) -> Chain:
    if chain.run is not None and chain.run_passages is None:
        why = "it is collapsed already" if _is_collapsed(chain.run) else "no chunk comes before its search"
        raise SuiteError(_needs_passages(step, why), step.place)
    run = place_stage(step.stages["collapse"], (chain.run,), (chain.run_passages,), step)
    return replace(chain, run=run, run_passages=None)


def _arrange(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    stage = stage_of(step, "arrange", Arranger)
    if chain.run is not None and chain.run_passages is None and stage.of_passages:
        why = "put it before the collapse" if _is_collapsed(chain.run) else "no chunk comes before its search"
        raise SuiteError(_needs_passages(step, why), step.place)
    static = (chain.ranked, chain.corpus, chain.queries, builder.model(step))
    return replace(chain, contexts=place_stage(stage, (chain.run,), static, step))


def _is_collapsed(run: Node) -> bool:
    return any(node.stage.role == "collapse" for node in answer_nodes(run))


def _needs_passages(step: Step, why: str) -> str:
    return f"{step.title} takes a Run of Passages, not a Run of the documents of a Corpus: {why}"


def _rerank(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    stage = step.stages["rerank"]
    static: tuple[Node | None, ...] = (chain.ranked, chain.question, builder.model(step))
    if "encode" in step.stages:
        docs, queries = place_on_both_sides("encode", step, chain.ranked, (chain.question,), (builder.model(step),))
        static = (docs, *queries)
    run = place_stage(stage, (chain.run,), static, step)
    depth = depth_of(run.stream[0])
    if isinstance(stage, HasDepth) and stage.depth > depth:
        raise SuiteError(
            f"{step.title} has depth {stage.depth}, but the run before it has depth {depth}: "
            f"set depth: {stage.depth} for the search too, or a smaller depth here",
            step.place,
        )
    return replace(chain, run=run)


def _runfile(step: Step, chain: Chain, builder: ChainBuilder) -> Chain:
    chain = replace(chain, run_passages=None)
    static = (builder.run_file(step), chain.corpus)
    run = place_search(stage_of(step, "runfile", RunReader), (chain.queries,), static, step, chain)
    return replace(chain, run=run)


def _from(step: Step, _: Chain, builder: ChainBuilder) -> Chain:
    return builder.chain(step.word)


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
