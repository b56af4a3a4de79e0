"""A stage placed in a plan, named by what it is and what it reads; and the nodes above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from harness.artifacts.base import Artifact
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus, Queries
from harness.fingerprint import Fingerprint, fingerprint
from harness.stage.base import Side, Stage
from harness.stage.leaves import Source


@dataclass(frozen=True)
class Node:
    """A stage with the nodes it reads. Equal chains are the same node, wherever they stand."""

    stage: Stage
    stream: tuple[Node, ...] = ()
    """What flows through, and is timed."""
    static: tuple[Node | None, ...] = ()
    """What is held, and is opened once; in the order of `open`."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        """All nodes it reads."""
        return (*self.stream, *(node for node in self.static if node))

    @property
    def name(self) -> str:
        """The role and the word of the stage, as `role/word`."""
        return f"{self.stage.role}/{self.stage.name}"

    @property
    def gives(self) -> type[Artifact]:
        """The kind of artifact it makes."""
        return self.stage.gives

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """All that names the output."""
        if isinstance(self.stage, Source):
            return self.stage.recipe
        return self.stage.recipe | {
            "stream": [node.fingerprint for node in self.stream],
            "static": [node and node.fingerprint for node in self.static],
        }

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The name of the output."""
        return fingerprint(self.recipe)


def answer_nodes(run: Node) -> Iterator[Node]:
    """Give what `walk` gives, without that by which parameters were chosen: other queries, perhaps other documents."""
    return walk(run, above=lambda node: node.stream if node.stage.role == "tune" else node.inputs)


def walk(*ends: Node, above: Callable[[Node], tuple[Node, ...]] = lambda node: node.inputs) -> Iterator[Node]:
    """Yield every distinct node above the given ones and themselves, inputs before their users.

    It needs no recursion, so that chains may be of any length.
    """
    entered: set[int] = set()
    yielded: set[Fingerprint] = set()
    stack = [(end, False) for end in reversed(ends)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            if node.fingerprint not in yielded:
                yielded.add(node.fingerprint)
                yield node
        elif id(node) not in entered:
            entered.add(id(node))
            stack.append((node, True))
            stack.extend((other, False) for other in reversed(above(node)))


def side_of(node: Node) -> Side:
    """Return "query" where the work of a node is done for queries, "document" where it is done once for the corpus."""
    while node.stream:
        node = node.stream[0]
    return "query" if node.gives is Queries else "document"


def read_as(encoder: Node) -> Side:
    """Return the side whose prompt an encoder uses; the drafts of a query are encoded like documents."""
    return "query" if issubclass(encoder.stream[0].gives, Queries) else "document"


def row_noun(node: Node) -> Literal["document", "passage"]:
    """Return what one row of a node's output is made from; the node must be on the side of the documents."""
    while not issubclass(node.gives, Corpus):
        node = node.stream[0]
    return "passage" if issubclass(node.gives, Passages) else "document"


def unfiltered(run: Node) -> Node:
    """Return the node of the run before a filter removed documents from it; the run itself where none did."""
    return run.stream[0] if run.stage.role == "filter" else run
