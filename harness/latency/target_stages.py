"""The stages of a target by side: those that run for every query, and those that ran once over the documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.fingerprint import Fingerprint
from harness.plan import Target, answer_nodes
from harness.stage import ModelSource, Node, Source
from harness.stage.node import side_of, stage_names


def query_nodes(last: Node, selected: Callable[[Node], Node]) -> list[Node]:
    """Return the nodes that run for a query on its way to `last`, inputs before their users, sources left out.

    These are all nodes whose stream comes from the queries, including those that another stage holds instead of
    receiving, as a rescorer holds the vectors of the queries. `selected` may replace a node by another.
    """
    seen: set[Fingerprint] = set()

    def visit(node: Node) -> Iterator[Node]:
        node = selected(node)
        if node.fingerprint not in seen and side_of(node) == "query":
            seen.add(node.fingerprint)
            for above in node.inputs:
                yield from visit(above)
            yield node

    return [node for node in visit(last) if not isinstance(node.stage, Source)]


def document_stages(target: Target) -> dict[str, Node]:
    """Return the stages of a system that work on documents, by distinct name, inputs before their users."""
    nodes = [node for node in answer_nodes(target.run) if node.stream and side_of(node) == "document"]
    names = stage_names(nodes)
    return {names[node.fingerprint]: node for node in nodes}


def stored_inputs(target: Target) -> Iterator[Node]:
    """Yield what must be in the store before a system can be opened: all that the stages on the query side hold."""
    for node in answer_nodes(target.answer):
        if side_of(node) == "query":
            yield from (above for above in node.static if above and not isinstance(above.stage, ModelSource))
