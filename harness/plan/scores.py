"""What a system owes besides its run: scores, what its index misses, what a perfect reranker would have reached."""

from __future__ import annotations

from collections.abc import Iterator

from harness.artifacts.passages import Passages
from harness.errors import Place, SuiteError
from harness.measures.scoring.parse import of_spans, parse
from harness.plan.leaves import DatasetLeaf
from harness.plan.placement import depth_of
from harness.plan.plan import Ceiling, Chain
from harness.registry import STAGES
from harness.stage import Indexer, Node, Rescorer, Searcher, answer_nodes
from harness.suite import Suite


def scores(line: Chain, collection: DatasetLeaf, measure: str, place: Place) -> Node:
    """Place a measure behind a line's run. SuiteError, at the place, where it cannot score what that holds."""
    assert line.run is not None  # noqa: S101  what `join` and `make_plan` look at
    if of_spans(parse(measure)):
        return _of_spans(line.run, line.held, collection, measure, place)
    if line.found is not None:
        raise SuiteError(f"{measure} scores documents, but this run holds {line.holds}: collapse before it", place)
    static = (collection.corpus, collection.queries, collection.qrels)
    return Node(STAGES["score/qrels"](measure=measure), (line.run,), static)


def _of_spans(run: Node, texts: Node | None, collection: DatasetLeaf, measure: str, place: Place) -> Node:
    """Place a measure of spans: behind the passages that a collapse ends, else behind what the run holds."""
    if collection.spans is None:
        raise SuiteError(
            f"{measure} needs spans that answer the queries, and the data set {collection.name!r} has none", place
        )
    if run.stage.role == "collapse":
        run, texts = run.stream[0], run.static[0]
    static = (texts, collection.corpus, collection.queries, collection.spans)
    return Node(STAGES["score/spans"](measure=measure), (run,), static)


def index_recall(run: Node, ignore_identical_ids: bool) -> dict[str, Node]:
    """Hold the one approximate search of a system against an exact one of the same vectors, at 10 and at the depth."""
    found = [node for node in answer_nodes(run) if isinstance(node.stage, Searcher) and not _is_exact(node)]
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


def _is_exact(search: Node) -> bool:
    index = search.static[0] if search.static else None
    return index is None or not isinstance(index.stage, Indexer) or index.stage.exact


def context_spans(line: Chain, collection: DatasetLeaf) -> dict[str, Node]:
    """Hold what a reader gets against the gold spans, where there are both."""
    if line.contexts is None or collection.spans is None:
        return {}
    static = (collection.corpus, collection.queries, collection.spans)
    return {
        f"context_{measure}": Node(STAGES["score/contexts"](measure=measure), (line.contexts,), static)
        for measure in ("span_recall", "span_precision", "span_iou")
    }


def ceilings(run: Node, collection: DatasetLeaf, suite: Suite) -> Iterator[Ceiling]:
    """Give two for each reranker: the recall of those it was given, and the best headline measure.

    One of documents is held against judgements, one of passages against gold spans, if there are any; a headline that
    looks at the other kind, or at characters, has no ceiling.
    """
    for node in answer_nodes(run):
        if node.stage.role != "rerank":
            continue
        texts = _reranked(node)
        passages, depth = issubclass(texts.gives, Passages), getattr(node.stage, "depth", depth_of(node))
        held: tuple[Node | None, ...] = (collection.corpus, collection.queries, collection.qrels)
        if passages:
            held = (texts, collection.corpus, collection.queries, collection.spans)
        stage = STAGES["score/passage_ceiling" if passages else "score/ceiling"]
        for measure in dict.fromkeys((f"passage_R@{depth}" if passages else f"R@{depth}", suite.measures[0])):
            looks = parse(measure)
            if None not in held and looks.passages == passages and of_spans(looks) == passages:
                yield Ceiling(node.stage, Node(stage(measure=measure, depth=depth), node.stream, held))


def _reranked(reranker: Node) -> Node:
    """Return the texts that a reranker puts in order; by vectors, those of which these are."""
    texts = reranker.static[0]
    assert texts is not None  # noqa: S101  what the wiring gives it
    return texts.stream[0] if isinstance(reranker.stage, Rescorer) else texts
