"""How many bytes the artifacts of a system take, and whether vectors take what their dimensions and type imply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.artifacts.base import Artifact, Rows
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.token_vectors import TokenVectors
from harness.artifacts.vectors import BitVectors, Int8Vectors, Table, Vectors
from harness.plan import Target, answer_nodes
from harness.record.made import Made
from harness.results import Measurement
from harness.search.postings import Postings
from harness.stage import Node, Rescorer, Source
from harness.stage.node import row_noun, side_of

BITS: Mapping[type[Artifact], int] = {Vectors: 32, Int8Vectors: 8, BitVectors: 1}
"""The bits of one coordinate."""
SLACK = 16_384
"""The bytes that the files of an artifact may take beyond its numbers."""


def index_sizes(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the bytes of a system's indexes, and the size of the vectors of its documents and rerankers."""
    indexes = [node for node in answer_nodes(target.run) if node.stage.role == "index"]
    if indexes and all(node in made for node in indexes):
        size = sum(made.store.bytes(node.fingerprint) for node in indexes)
        yield Measurement.of(target, "index_bytes", size, "bytes")
        loaded = [made.load(node) for node in indexes]
        memory = sum(array.nbytes for index in loaded for array in index.arrays.values())
        yield Measurement.of(target, "index_memory_bytes", memory, "bytes")
        for node, index in zip(indexes, loaded, strict=True):
            if Postings.are_in(index):
                stage, size = target.stage_names[node.fingerprint], Postings.of(index).nbytes
                yield Measurement.of(target, "postings_bytes", size, "bytes", stage=stage, fingerprint=node.fingerprint)
    yield from _vectors(made, target, target.chain.docs)
    for node in answer_nodes(target.run):
        if isinstance(node.stage, Rescorer) and node.static[0] is not None:
            yield from _vectors(made, target, node.static[0], target.stage_names[node.fingerprint])


def _vectors(made: Made, target: Target, docs: Node, stage: str | None = None) -> Iterator[Measurement]:
    """Yield the size of the vectors of one document or passage; `stage` is the reranker that reads them, if any."""
    if docs not in made:
        return
    if docs.gives is SparseVectors:
        yield from _sparse(made, target)
    elif issubclass(docs.gives, Table | TokenVectors):
        vectors: Table | TokenVectors = made.load(docs)
        name, noun, width = docs.fingerprint, row_noun(docs), vectors.dimensions
        size = float(vectors.array.itemsize * vectors.array.shape[1])
        if isinstance(vectors, TokenVectors):
            tokens = len(vectors.array) / max(len(vectors), 1)
            yield Measurement.of(target, "tokens", tokens, f"tokens/{noun}", stage=stage, fingerprint=name)
            size = size * tokens + vectors.starts.itemsize
        yield Measurement.of(target, "dimensions", width, "dimensions", stage=stage, fingerprint=name)
        yield Measurement.of(target, "vector_bytes", size, f"bytes/{noun}", stage=stage, fingerprint=name)


def _sparse(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the mean number of non-zero dimensions of documents and of queries, and the bytes of a document."""
    documents: SparseVectors = made.load(target.chain.docs)
    queries: SparseVectors = made.load(target.chain.search_queries[0])
    name, noun = target.chain.docs.fingerprint, row_noun(target.chain.docs)
    count, size = len(documents), documents.dimensions.nbytes + documents.weights.nbytes
    yield Measurement.of(target, "dimensions", documents.width, "dimensions", fingerprint=name)
    yield Measurement.of(target, "active_dims", documents.active_dims, f"dimensions/{noun}", fingerprint=name, n=count)
    yield Measurement.of(
        target,
        "query_active_dims",
        queries.active_dims,
        "dimensions/query",
        fingerprint=target.chain.search_queries[0].fingerprint,
        n=len(queries),
    )
    yield Measurement.of(target, "vector_bytes", size / max(count, 1), f"bytes/{noun}", fingerprint=name)


def artifact_sizes(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield the bytes on disk of each artifact that a stage made from the documents, in total and per row."""
    for node in _artifacts(made, target):
        if side_of(node) == "query":
            continue
        name, stage = node.fingerprint, target.stage_names[node.fingerprint]
        size, rows = made.store.bytes(name), _count_rows(made, node)
        yield Measurement.of(target, "artifact_bytes", size, "bytes", stage=stage, fingerprint=name)
        if rows:
            unit = f"bytes/{row_noun(node)}"
            yield Measurement.of(
                target, "artifact_bytes_per_row", size / rows, unit, stage=stage, fingerprint=name, n=rows
            )


def _artifacts(made: Made, target: Target) -> Iterator[Node]:
    """Yield the nodes of a system whose output is in the store, except its sources."""
    return (node for node in answer_nodes(target.run) if not isinstance(node.stage, Source) and node in made)


def _count_rows(made: Made, node: Node) -> int:
    """Count the rows of an artifact; an index has as many as the artifact that it was built from."""
    while not issubclass(node.gives, Rows):
        node = node.stream[0]
    return len(made.load(node))


class Mismatch(NamedTuple):
    """An artifact of vectors that does not take the bytes that its rows, dimensions and type imply."""

    stage: str
    """The stage as a suite names it."""
    rows: int
    dimensions: int
    bits: int
    """The bits of one coordinate."""
    expected: int
    """The bytes that it should take: rows x dimensions x bits / 8, each row rounded up to whole bytes."""
    found: int
    """The bytes that it takes on disk."""


def size_mismatches(made: Made) -> list[Mismatch]:
    """Return the artifacts of vectors with an unexpected size, each once.

    A reduction that a suite names but that was not carried out is found by this arithmetic.
    """
    vectors = {
        node.fingerprint: node for target in made.finished for node in _artifacts(made, target) if node.gives in BITS
    }
    return [mismatch for node in vectors.values() if (mismatch := _mismatch(made, node))]


def _mismatch(made: Made, node: Node) -> Mismatch | None:
    vectors: Table = made.load(node)
    dimensions, bits = getattr(node.stage, "dim", None) or vectors.dimensions, BITS[node.gives]
    expected, found = len(vectors) * -(-dimensions * bits // 8), made.store.bytes(node.fingerprint)
    if expected <= found <= expected + SLACK:
        return None
    return Mismatch(node.stage.word(), len(vectors), dimensions, bits, expected, found)
