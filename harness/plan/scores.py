"""Places what scores a system: measures, the recall of its index, its contexts, and the ceilings of its rerankers."""

from __future__ import annotations

from collections.abc import Iterator

from harness.artifacts.passages import Passages
from harness.errors import Place, SuiteError, UserError
from harness.measures.scoring.parse import of_spans, parse
from harness.plan.leaves import DatasetLeaf
from harness.plan.placement import depth_of
from harness.plan.plan import Ceiling, Chain
from harness.registry import STAGES
from harness.stage import Indexer, Node, Rescorer, Searcher, answer_nodes
from harness.stage.settings import HasDepth, HasSimilarity
from harness.suite import Suite


def scores(chain: Chain, collection: DatasetLeaf, measure: str, place: Place) -> Node:
    """Place a measure behind a chain's run. Raises SuiteError, at the place, if it cannot score what the run ranks."""
    assert chain.run is not None  # noqa: S101  callers refuse a chain without a run
    if of_spans(parse(measure)):
        return _of_spans(chain.run, chain.ranked, collection, measure, place)
    if chain.run_passages is not None:
        raise SuiteError(
            f"{measure} scores documents, but this run ranks {chain.ranked_texts}: add a collapse before it", place
        )
    static = (collection.corpus, collection.queries, collection.qrels)
    return Node(STAGES["score/qrels"](measure=measure), (chain.run,), static)


def _of_spans(run: Node, texts: Node | None, collection: DatasetLeaf, measure: str, place: Place) -> Node:
    """Place a measure of spans behind a run, or behind the run of passages that it collapses."""
    if collection.spans is None:
        raise SuiteError(f"{measure} needs gold spans, but the data set {collection.name!r} has none", place)
    if run.stage.role == "collapse":
        run, texts = run.stream[0], run.static[0]
    static = (texts, collection.corpus, collection.queries, collection.spans)
    return Node(STAGES["score/spans"](measure=measure), (run,), static)


def index_recall(run: Node, ignore_identical_ids: bool) -> dict[str, Node]:
    """Compare a system's approximate search with exact search of the same vectors, at 10 and at its depth.

    Returns the scores by quantity; none unless exactly one of its searches is approximate.
    """
    searches = [
        (node, node.stage, index)
        for node in answer_nodes(run)
        if isinstance(node.stage, Searcher) and (index := _approximate_index(node)) is not None
    ]
    if len(searches) != 1:
        return {}
    search, searcher, index = searches[0]
    if not isinstance(index.stage, HasSimilarity):
        raise UserError(f"'{index.stage.word()}' is an approximate index, so it must have a setting 'similarity'")
    flat = Node(STAGES["index/flat"](similarity=index.stage.similarity), index.stream)
    ideal = Node(STAGES["search/flat"](depth=searcher.depth), search.stream, (flat,))
    depth = searcher.depth - ignore_identical_ids
    return {
        f"index_recall@{k}": Node(STAGES["score/index_recall"](k=k), (search,), (ideal,))
        for k in sorted({min(10, depth), depth})
    }


def _approximate_index(search: Node) -> Node | None:
    index = search.static[0] if search.static else None
    return index if index is not None and isinstance(index.stage, Indexer) and not index.stage.exact else None


def context_spans(chain: Chain, collection: DatasetLeaf) -> dict[str, Node]:
    """Score contexts against gold spans; returns the scores by quantity, none without contexts or without spans."""
    if chain.contexts is None or collection.spans is None:
        return {}
    static = (collection.corpus, collection.queries, collection.spans)
    return {
        f"context_{measure}": Node(STAGES["score/contexts"](measure=measure), (chain.contexts,), static)
        for measure in ("span_recall", "span_precision", "span_iou")
    }


def ceilings(run: Node, collection: DatasetLeaf, suite: Suite) -> Iterator[Ceiling]:
    """Yield two ceilings per reranker: the recall of its candidates, and their best value of the headline measure.

    Rerankers of documents are scored by judgements, rerankers of passages by gold spans if the data set has any. A
    headline measure of the other kind, or one of characters, has no ceiling.
    """
    for node in answer_nodes(run):
        if node.stage.role != "rerank":
            continue
        texts = _reranked(node)
        passages = issubclass(texts.gives, Passages)
        depth = node.stage.depth if isinstance(node.stage, HasDepth) else depth_of(node)
        static: tuple[Node | None, ...] = (collection.corpus, collection.queries, collection.qrels)
        if passages:
            static = (texts, collection.corpus, collection.queries, collection.spans)
        stage = STAGES["score/passage_ceiling" if passages else "score/ceiling"]
        for name in dict.fromkeys((f"passage_R@{depth}" if passages else f"R@{depth}", suite.measures[0])):
            measure = parse(name)
            if None not in static and measure.passages == passages and of_spans(measure) == passages:
                yield Ceiling(reranker=node, score=Node(stage(measure=name, depth=depth), node.stream, static))


def _reranked(reranker: Node) -> Node:
    """Return the texts that a reranker orders; for one that compares vectors, the texts that these encode."""
    texts = reranker.static[0]
    assert texts is not None  # noqa: S101  the wiring always sets it
    return texts.stream[0] if isinstance(reranker.stage, Rescorer) else texts
