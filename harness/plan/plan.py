"""A system laid on a data set, step by step; what it owes there; and the plan of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from harness.fingerprint import Fingerprint, fingerprint
from harness.plan.leaves import Leaves
from harness.stage import DraftUse, Node, answer_nodes, walk
from harness.stage.describe import describe_node
from harness.stage.node import stage_names
from harness.suite import Suite


@dataclass(frozen=True)
class Chain:
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
    use: DraftUse | None = None
    """What becomes of drafts, where a rewriter stands in the chain."""
    replaced: Node | None = None
    """The texts that a rewriter put in the place of those of the queries."""
    others: tuple[Node, ...] = ()
    """What will be searched with beside `asks`, to be fused with what that finds; the queries' other wordings."""
    averaged: tuple[Node, ...] = ()
    """Queries and documents whose vectors' mean will be searched with."""

    @property
    def begun(self) -> bool:
        """Whether any step was laid."""
        return bool(self.run or self.others or self.docs is not self.corpus or self.asks is not self.queries)

    @property
    def question(self) -> Node:
        """What a reranker reads: what a rewriter put in the place of the queries, else these."""
        return self.replaced or self.queries

    @property
    def held(self) -> Node:
        """What the run holds: passages, else documents."""
        return self.found or self.corpus

    @property
    def holds(self) -> str:
        """What the run holds, in words."""
        return f"the Passages of '{describe_node(self.found)}'" if self.found else "the documents of the Corpus"


class Ceiling(NamedTuple):
    """The score that a perfect reranker would have reached with the documents that a reranker was given."""

    reranker: Node
    score: Node


@dataclass(frozen=True)
class Target:
    """What a system owes on one data set: a run, its scores by measure, and what its approximate search misses."""

    dataset: str
    system: str
    chain: Chain
    run: Node
    scores: Mapping[str, Node]
    index_recall: Mapping[str, Node] = field(default_factory=dict)
    """By quantity, as `index_recall@10`; nothing where all searches are exact, or several are not."""
    ceilings: tuple[Ceiling, ...] = ()
    context_spans: Mapping[str, Node] = field(default_factory=dict)
    """By quantity, as `context_span_recall`; nothing without contexts or without gold spans."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of its run."""
        return self.run.fingerprint

    @cached_property
    def stage_names(self) -> Mapping[Fingerprint, str]:
        """The name of each stage behind its run, as results list it; see `harness.stage.node.stage_names`."""
        return stage_names(answer_nodes(self.run))

    @property
    def numbers(self) -> Mapping[str, Node]:
        """All that has a value a query, by quantity."""
        return {**self.scores, **self.index_recall, **self.context_spans}

    @property
    def answer(self) -> Node:
        """The last node of a query: what a reader receives where the system arranges contexts, else the run."""
        return self.chain.contexts or self.run

    @property
    def outputs(self) -> tuple[Node, ...]:
        """All that is to be made; the rest is what these need."""
        contexts = (self.chain.contexts,) if self.chain.contexts else ()
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
                [t.dataset, t.system, *(node.fingerprint for node in (*t.numbers.values(), t.chain.contexts) if node)]
                for t in self.targets
            ]
        )

    def users(self) -> dict[Fingerprint, list[str]]:
        """Return the systems that each node serves, in the order of the suite."""
        found: dict[Fingerprint, list[str]] = {}
        for target in self.targets:
            for node in walk(*target.outputs):
                names = found.setdefault(node.fingerprint, [])
                if target.system not in names:
                    names.append(target.system)
        return found
