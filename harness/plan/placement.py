"""What the wiring is made of: a stage is placed behind its inputs, on one side or both, where they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.errors import Place, SuiteError
from harness.plan.plan import Chain
from harness.registry import STAGES
from harness.stage import Node, Searcher, Stage, TwoSided
from harness.stage.base import Side
from harness.suite import Step


class ChainBuilder(Protocol):
    """Lays a system of the suite, by its name, on one data set."""

    def __call__(self, name: str) -> Chain:
        """Return the line at the end of the system, for others to go on from: its contexts are its own."""

    def on(self, dataset: str, step: Step) -> ChainBuilder:
        """Return what lays systems on another data set. SuiteError, at the step, where it is not at hand."""

    def scores(self, line: Chain, measure: str, place: Place) -> Node:
        """Return the scores of a line's run on this data set. SuiteError, at the place, where they cannot be had."""


Wire = Callable[[Step, Chain, ChainBuilder], Chain]


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


def one_side(role: str, side: Side, step: Step, node: Node, static: tuple[Node | None, ...]) -> Node:
    """Place a stage behind what stands on one side, as it stands there. SuiteError where it knows no sides."""
    stage = step.stages[role]
    if not isinstance(stage, TwoSided):
        raise SuiteError(f"'{step.role}: {step.word}' must be a stage of two sides", step.place)
    return join(stage.on(side), (node,), static, step)


def both_sides(
    role: str, step: Step, docs: Node, asks: Sequence[Node], static: tuple[Node | None, ...]
) -> tuple[Node, ...]:
    """Place a stage behind the documents, and behind all that is asked."""
    return (
        one_side(role, "document", step, docs, static),
        *(one_side(role, "query", step, node, static) for node in asks),
    )


def place_search(
    stage: Stage, stream: tuple[Node | None, ...], static: tuple[Node | None, ...], step: Step, line: Chain
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


def depth_of(run: Node) -> int:
    """Return how deep a run is: a reranker or a tuner leaves it as it is, a collapse makes it no deeper."""
    while run.stage.role in ("rerank", "tune", "collapse"):
        run = run.stream[0]
    return int(run.stage.model_dump()["depth"])
