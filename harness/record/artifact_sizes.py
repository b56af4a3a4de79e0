"""What every artifact of a system takes on disk, and whether vectors take what their dimensions and type say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.artifacts.base import Artifact, Rows
from harness.artifacts.vectors import BitVectors, Int8Vectors, Table, Vectors
from harness.plan import Target, answer_nodes
from harness.record.quantities import Quantity, loaded
from harness.stage import Node, Source
from harness.stage.node import row_noun, side_of
from harness.store import Store

BITS: Mapping[type[Artifact], int] = {Vectors: 32, Int8Vectors: 8, BitVectors: 1}
"""Of a coordinate."""
SLACK = 16_384
"""Bytes that files may take beside their numbers."""


def artifact_sizes(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the bytes on disk of each artifact that a stage made of the documents, and those for each of its rows."""
    for node in made(target, store):
        if side_of(node) == "query":
            continue
        stage, size = node.name, store.bytes(node.fingerprint)
        yield Quantity(node, "artifact_bytes", size, "bytes", stage)
        count = rows(node, store)
        if count:
            yield Quantity(node, "artifact_bytes_per_row", size / count, f"bytes/{row_noun(node)}", stage, n=count)


def made(target: Target, store: Store) -> Iterator[Node]:
    """Give the nodes of a system that are in the store, its sources left out."""
    for node in answer_nodes(target.run):
        if not isinstance(node.stage, Source) and node.fingerprint in store:
            yield node


def rows(node: Node, store: Store) -> int:
    """Count the rows of an artifact; an index has those that it was made of."""
    while not issubclass(node.gives, Rows):
        node = node.stream[0]
    return len(loaded(store, node))


def mismatches(targets: Iterable[Target], store: Store) -> list[str]:
    """Say of each artifact of vectors that is not as large as its rows, dimensions and type make it, how large it is.

    So a reduction that is said and not done is found by arithmetic: rows x dimensions x bits of a coordinate / 8.
    """
    found: dict[str, str] = {}
    for target in targets:
        for node in made(target, store):
            if node.gives in BITS and node.fingerprint not in found:
                found[node.fingerprint] = _mismatch(node, store)
    return [said for said in found.values() if said]


def _mismatch(node: Node, store: Store) -> str:
    vectors: Table = loaded(store, node)
    dimensions = getattr(node.stage, "dim", None) or vectors.dimensions
    expected = len(vectors) * -(-dimensions * BITS[node.gives] // 8)
    size = store.bytes(node.fingerprint)
    if expected <= size <= expected + SLACK:
        return ""
    return (
        f"the vectors of '{node.stage.word()}' take {size:,} bytes, but {len(vectors):,} of {dimensions} dimensions "
        f"with {BITS[node.gives]} bits each take {expected:,}"
    )
