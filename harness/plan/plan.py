"""A plan: the chain of every system on every data set, the nodes to make, and the distinct nodes of all of them."""

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
class Rewriting:
    """What the rewriters of a chain do to its queries."""

    use: DraftUse
    """How the drafts of the last rewriter are used."""
    replaced: Node | None = None
    """The texts that replace those of the queries; None if no rewriter replaces them."""
    averaged: tuple[Node, ...] = ()
    """The queries and documents whose vectors the next encoder averages."""


@dataclass(frozen=True)
class Chain:
    """A system on one data set as far as it is wired: what the next stage can take as input."""

    corpus: Node
    queries: Node
    docs: Node
    """What an index is built from: documents, passages or their vectors."""
    search_queries: tuple[Node, ...]
    """What is searched with: the queries or their vectors; several if the runs of several wordings are fused."""
    ignore_identical_ids: bool = False
    """Whether a document with the id of its query is removed from every run."""
    started: bool = False
    """Whether the chain has any step."""
    rewriting: Rewriting | None = None
    index: Node | None = None
    run: Node | None = None
    passages: Node | None = None
    """The passages that a chunker splits the documents into; they are encoded and indexed in place of the documents."""
    run_passages: Node | None = None
    """The passages that the run ranks; None if it ranks documents."""
    contexts: Node | None = None
    """The texts that a reader receives, if the system arranges its run."""

    @property
    def question(self) -> Node:
        """The texts that a reranker reads: those that replace the queries, or else the queries."""
        return (self.rewriting and self.rewriting.replaced) or self.queries

    @property
    def ranked(self) -> Node:
        """The texts that the run ranks: passages or documents."""
        return self.run_passages or self.corpus

    @property
    def ranked_texts(self) -> str:
        """The texts that the run ranks, as an error message names them."""
        return (
            f"the Passages of '{describe_node(self.run_passages)}'"
            if self.run_passages
            else "the documents of the Corpus"
        )


class Ceiling(NamedTuple):
    """The score that a perfect reranker would reach on the candidates of a reranker."""

    reranker: Node
    score: Node


@dataclass(frozen=True)
class Target:
    """What is made for a system on a data set: a run, its scores by measure, and the recall of its index."""

    dataset: str
    system: str
    chain: Chain
    run: Node
    scores: Mapping[str, Node]
    index_recall: Mapping[str, Node] = field(default_factory=dict)
    """The recall of an approximate index by quantity, as in `index_recall@10`; empty unless exactly one is searched."""
    ceilings: tuple[Ceiling, ...] = ()
    context_spans: Mapping[str, Node] = field(default_factory=dict)
    """The scores of contexts by quantity, as in `context_span_recall`; empty without contexts or without gold spans."""

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
        """All nodes with one value per query, by quantity."""
        return {**self.scores, **self.index_recall, **self.context_spans}

    @property
    def answer(self) -> Node:
        """The last node of a query: the contexts if the system arranges them, else the run."""
        return self.chain.contexts or self.run

    @property
    def outputs(self) -> tuple[Node, ...]:
        """The nodes to make; all others are only needed for these."""
        contexts = (self.chain.contexts,) if self.chain.contexts else ()
        return (self.run, *contexts, *self.numbers.values(), *(ceiling.score for ceiling in self.ceilings))


@dataclass(frozen=True)
class Plan:
    """Every distinct node once, inputs before their users, and what is made for each system."""

    suite: Suite
    leaves: Leaves
    nodes: tuple[Node, ...]
    targets: tuple[Target, ...]
    requested: int
    """The number of nodes that the systems need, counting a node once for each system."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of everything that is to be made."""
        return fingerprint(
            [
                [t.dataset, t.system, *(node.fingerprint for node in (*t.numbers.values(), t.chain.contexts) if node)]
                for t in self.targets
            ]
        )

    def users(self) -> dict[Fingerprint, list[str]]:
        """Return the systems that need each node, in the order of the suite."""
        systems: dict[Fingerprint, list[str]] = {}
        for target in self.targets:
            for node in walk(*target.outputs):
                names = systems.setdefault(node.fingerprint, [])
                if target.system not in names:
                    names.append(target.system)
        return systems
