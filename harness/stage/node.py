"""Nodes: stages with their inputs, and functions that walk from a node to everything that it is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
    """A stage and the nodes that it reads. Two nodes with the same stage and inputs have the same fingerprint."""

    stage: Stage
    stream: tuple[Node, ...] = ()
    """The inputs of the call, which is timed."""
    static: tuple[Node | None, ...] = ()
    """The inputs of `open`, in the order of its parameters; opened once."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        """All nodes that it reads."""
        return (*self.stream, *(node for node in self.static if node))

    @property
    def name(self) -> str:
        """The role and name of the stage, as `role/name`."""
        return f"{self.stage.role}/{self.stage.name}"

    @property
    def gives(self) -> type[Artifact]:
        """The artifact type of its output."""
        return self.stage.gives

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that the fingerprint covers: the stage's recipe and the fingerprints of its inputs."""
        if isinstance(self.stage, Source):
            return self.stage.recipe
        return self.stage.recipe | {
            "stream": [node.fingerprint for node in self.stream],
            "static": [node and node.fingerprint for node in self.static],
        }

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The identifier of the output in the store."""
        return fingerprint(self.recipe)


def answer_nodes(run: Node) -> Iterator[Node]:
    """Yield what `walk` yields, except the nodes that were used only to choose parameters of a tuned fusion."""
    return walk(run, above=lambda node: node.stream if node.stage.role == "tune" else node.inputs)


def walk(*ends: Node, above: Callable[[Node], tuple[Node, ...]] = lambda node: node.inputs) -> Iterator[Node]:
    """Yield `ends` and all nodes that they depend on, each once, inputs before the nodes that read them.

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
    """Return "query" if a node's work is done per query, and "document" if it is done once for the corpus."""
    while node.stream:
        node = node.stream[0]
    return "query" if node.gives is Queries else "document"


def read_as(encoder: Node) -> Side:
    """Return the side whose prompt an encoder uses; the drafts of a query are encoded like documents."""
    return "query" if issubclass(encoder.stream[0].gives, Queries) else "document"


def row_noun(node: Node) -> Literal["document", "passage"]:
    """Return the kind of text that each row of a node's output was made from; the node must be on the document side."""
    while not issubclass(node.gives, Corpus):
        node = node.stream[0]
    return "passage" if issubclass(node.gives, Passages) else "document"


def unfiltered(run: Node) -> Node:
    """Return the run that a filter node reads; if `run` is not a filter node, return it unchanged."""
    return run.stream[0] if run.stage.role == "filter" else run


def stage_names(nodes: Iterable[Node]) -> dict[Fingerprint, str]:
    """Return the name of each node within its system: `role/word`, and `role/word#2` for a second one on its side."""
    names: dict[Fingerprint, str] = {}
    counts: Counter[tuple[Side, str]] = Counter()
    for node in nodes:
        key = (side_of(node), node.name)
        counts[key] += 1
        names[node.fingerprint] = node.name if counts[key] == 1 else f"{node.name}#{counts[key]}"
    return names


def query_side_name(name: str, document_side: Iterable[str]) -> str:
    """Return the name of a stage on the query side where it is listed together with stages of the document side.

    >>> documents = ["encode/dense", "index/flat"]
    >>> query_side_name("encode/dense#2", documents), query_side_name("search/flat", documents)
    ('encode/dense#2 of queries', 'search/flat')
    """
    shared = {other.split("#")[0] for other in document_side}
    return f"{name} of queries" if name.split("#")[0] in shared else name
