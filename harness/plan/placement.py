"""Places stages behind their inputs, on one side or on both, and checks that they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from harness.errors import Place, SuiteError
from harness.plan.plan import Chain
from harness.registry import STAGES
from harness.stage import Node, RunReader, ScoreFuser, Searcher, Stage, TwoSided
from harness.stage.base import Side
from harness.stage.settings import HasDepth
from harness.suite import Step

Role = TypeVar("Role", bound=Stage)
Inputs = tuple[Node | None, ...]


class ChainBuilder(Protocol):
    """Builds the chains of a suite's systems on one data set."""

    def chain(self, name: str) -> Chain:
        """Return the chain of a system for others to continue: without its contexts, which are its own."""

    def model(self, step: Step) -> Node | None:
        """Return the weights that a step names, if any."""

    def run_file(self, step: Step) -> Node:
        """Return the run file that a step names."""

    def on(self, dataset: str, step: Step) -> ChainBuilder:
        """Return a builder for another data set. Raises SuiteError, at the step, if the plan does not have it."""

    def scores(self, chain: Chain, measure: str, place: Place) -> Node:
        """Return the scores of a chain's run. Raises SuiteError, at the place, if the measure cannot score it."""


Wire = Callable[[Step, Chain, ChainBuilder], Chain]


def stage_of(step: Step, role: str, kind: type[Role]) -> Role:
    """Return a step's stage of a role. Raises SuiteError if a plug-in registered something else under its name."""
    stage = step.stages[role]
    if not isinstance(stage, kind):
        raise SuiteError(f"{step.title} must be a {kind.__name__}, but is a {type(stage).__name__}", step.place)
    return stage


def place_stage(stage: Stage, stream: Inputs, static: Inputs, step: Step) -> Node:
    """Place a stage behind its inputs. Raises SuiteError, before anything runs, if they do not fit."""
    nodes = tuple(node for node in stream if node is not None)
    if len(nodes) < len(stream):
        raise SuiteError(f"{step.title} takes a Run, but no search comes before it", step.place)
    for node in nodes:
        if not issubclass(node.gives, stage.takes):
            accepted = " or ".join(kind.__name__ for kind in stage.takes)
            raise SuiteError(f"{step.title} takes {accepted}, not {node.gives.__name__}", step.place)
    if isinstance(stage, Searcher) and static and static[0] is not None:
        readable, index = stage.reads or (stage.name,), static[0].stage.name
        if index not in readable:
            raise SuiteError(f"'search: {stage.name}' cannot read 'index: {index}'", step.place)
    return Node(stage, nodes, static)


def place_on_side(role: str, side: Side, step: Step, node: Node, static: Inputs) -> Node:
    """Place a stage behind a node of one side, with the settings of that side. Raises SuiteError if it has no sides."""
    return place_stage(stage_of(step, role, TwoSided).on(side), (node,), static, step)


def place_on_both_sides(
    role: str, step: Step, docs: Node, queries: Sequence[Node], static: Inputs
) -> tuple[Node, tuple[Node, ...]]:
    """Place a stage behind the documents and behind each of the queries."""
    documents = place_on_side(role, "document", step, docs, static)
    return documents, tuple(place_on_side(role, "query", step, node, static) for node in queries)


def place_search(
    stage: Searcher | ScoreFuser | RunReader, stream: Inputs, static: Inputs, step: Step, chain: Chain
) -> Node:
    """Place a stage that searches the texts of a chain.

    If documents with the id of their query are ignored, it searches one document deeper and a filter follows, so that
    every run is without them before it is truncated, fused, reranked or scored.
    """
    if not chain.ignore_identical_ids:
        return place_stage(stage, stream, static, step)
    deeper = place_stage(stage.model_copy(update={"depth": stage.depth + 1}), stream, static, step)
    without = STAGES["filter/identical_ids"](depth=stage.depth)
    return place_stage(without, (deeper,), (chain.ranked, chain.queries), step)


def depth_of(run: Node) -> int:
    """Return the depth of a run; rerankers and tuners keep it, and a collapse does not increase it."""
    while run.stage.role in ("rerank", "tune", "collapse"):
        run = run.stream[0]
    assert isinstance(run.stage, HasDepth)  # noqa: S101  every other role that returns a run declares `depth`
    return run.stage.depth
