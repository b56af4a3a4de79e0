"""What the artifacts of a system weigh, and what their making took, wherever and whenever that was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from harness.artifacts.drafts import Drafts
from harness.artifacts.passages import Passages
from harness.artifacts.sparse_vectors import SparseVectors
from harness.artifacts.text import Corpus
from harness.artifacts.token_vectors import TokenVectors
from harness.artifacts.vectors import Table
from harness.meter import Paid
from harness.plan import Target, answer_nodes, walk
from harness.search.postings import Postings
from harness.stage import ModelSource, Node, Rescorer
from harness.stage.node import row_noun, side_of
from harness.store import Store


class Quantity(NamedTuple):
    """A number about a node: `stage` is None where it is about the whole system, `machine` where it is of none."""

    node: Node
    name: str
    value: float
    unit: str
    stage: str | None = None
    machine: str | None = None
    n: int | None = None
    low: float | None = None
    high: float | None = None


def quantities(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the sizes of a system that was made, the throughput of its stages, and what services took."""
    yield from sizes(target, store)
    yield from stages(target, store)
    yield from making(target, store)
    yield from paid(target, store)
    yield from written(target, store)


def loaded(store: Store, node: Node) -> Any:
    """Load what a node gave."""
    return store.load(node.fingerprint, node.gives)


def sizes(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the bytes of the system's indexes, and what its document vectors take."""
    indexes = [node for node in answer_nodes(target.run) if node.stage.role == "index"]
    if indexes and all(node.fingerprint in store for node in indexes):
        count = sum(store.bytes(node.fingerprint) for node in indexes)
        yield Quantity(target.run, "index_bytes", count, "bytes")
        arrays = [array for node in indexes for array in loaded(store, node).arrays.values()]
        yield Quantity(target.run, "index_memory_bytes", sum(a.nbytes for a in arrays), "bytes")
        for node in indexes:
            index, stage = loaded(store, node), node.name
            if Postings.are_in(index):
                yield Quantity(node, "postings_bytes", Postings.of(index).nbytes, "bytes", stage)
    yield from vectors(target, target.chain.docs, store)
    for node in answer_nodes(target.run):
        if isinstance(node.stage, Rescorer) and node.static[0] is not None:
            yield from vectors(target, node.static[0], store, node.name)


def vectors(target: Target, docs: Node, store: Store, stage: str | None = None) -> Iterator[Quantity]:
    """Give what the vectors of a document or passage take: those that an index is made of, or those of a reranker."""
    if docs.fingerprint not in store:
        return
    if docs.gives is SparseVectors:
        yield from sparse(target, store)
    elif issubclass(docs.gives, Table | TokenVectors):
        found: Table | TokenVectors = loaded(store, docs)
        size = float(found.array.itemsize * found.array.shape[1])
        if isinstance(found, TokenVectors):
            tokens = len(found.array) / max(len(found), 1)
            yield Quantity(docs, "tokens", tokens, f"tokens/{row_noun(docs)}", stage)
            size = size * tokens + found.starts.itemsize
        yield Quantity(docs, "dimensions", found.dimensions, "dimensions", stage)
        yield Quantity(docs, "vector_bytes", size, f"bytes/{row_noun(docs)}", stage)


def sparse(target: Target, store: Store) -> Iterator[Quantity]:
    """Give how many dimensions of documents and of queries are not zero on the mean, and what that takes."""
    docs, asks = loaded(store, target.chain.docs), loaded(store, target.chain.search_queries[0])
    each = row_noun(target.chain.docs)
    yield Quantity(target.chain.docs, "dimensions", docs.width, "dimensions")
    yield Quantity(target.chain.docs, "active_dims", docs.active_dims, f"dimensions/{each}", n=len(docs))
    yield Quantity(
        target.chain.search_queries[0], "query_active_dims", asks.active_dims, "dimensions/query", n=len(asks)
    )
    held = (docs.dimensions.nbytes + docs.weights.nbytes) / max(len(docs), 1)
    yield Quantity(target.chain.docs, "vector_bytes", held, f"bytes/{each}")


def stages(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the throughput of stages from their cost records: what they took when made, wherever that was."""
    for node in answer_nodes(target.run):
        costs = store.costs(node.fingerprint)
        if not costs or not costs[-1].call_seconds:
            continue
        cost, stage = costs[-1], node.name
        if cost.halved:
            yield Quantity(node, "halved_batches", cost.halved, "times", stage, cost.machine)
        if node.stage.role == "encode" and node.stream[0].gives in (Corpus, Passages):
            rate = cost.items / cost.call_seconds
            unit = f"{'documents' if node.stream[0].gives is Corpus else 'passages'}/s"
            yield Quantity(node, "encode_rate", rate, unit, stage, cost.machine, cost.items)
        elif node.stage.role == "index":
            yield Quantity(node, "build_seconds", cost.call_seconds, "s", stage, cost.machine, cost.items)


def making(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the seconds that the artifacts of documents took besides encoding and building; from their cost records.

    `reindex_seconds` are those of all that a change of the models makes anew, `gpu_seconds` those on a machine whose
    GPU was in use.
    """
    for node in answer_nodes(target.run):
        if node.stage.role not in ("chunk", "encode", "reduce", "index") or side_of(node) == "query":
            continue
        for cost in store.costs(node.fingerprint)[-1:]:
            names = [f"{node.stage.role}_seconds"] if node.stage.role in ("chunk", "reduce") else []
            if any(above.stage.role == "encode" or isinstance(above.stage, ModelSource) for above in walk(node)):
                names.append("reindex_seconds")
            if cost.device.startswith("cuda"):
                names.append("gpu_seconds")
            stage = node.name
            for name in names:
                yield Quantity(node, name, cost.call_seconds, "s", stage, cost.machine, cost.items)


def paid(target: Target, store: Store) -> Iterator[Quantity]:
    """Give what services took for the artifacts of the system, when they were made, each stage's sides together."""
    found: dict[str, tuple[Node, Paid, int]] = {}
    for node in answer_nodes(target.run):
        for cost in store.costs(node.fingerprint)[-1:]:
            paid = Paid(cost.api_tokens, cost.api_usd, cost.api_answers, cost.api_malformed)
            if any(paid):
                stage = node.name
                _, before, items = found.get(stage, (node, Paid(), 0))
                found[stage] = (node, before.plus(paid), items + cost.items)
    for stage, (node, paid, items) in found.items():
        if paid.tokens:  # an endpoint may not say what it counts
            yield Quantity(node, "api_tokens", paid.tokens, "tokens", stage, n=items)
        if paid.usd:  # without a price nobody knows what was paid
            yield Quantity(node, "api_usd", paid.usd, "USD", stage, n=items)
        if paid.answers:
            yield Quantity(node, "malformed_answers", paid.malformed, "answers", stage, n=paid.answers)


def written(target: Target, store: Store) -> Iterator[Quantity]:
    """Give the tokens that a language model wrote for a query on the mean; those of an endpoint are billed as well."""
    for node in answer_nodes(target.run):
        if node.gives is Drafts and node.fingerprint in store:
            counts = [draft.tokens for draft in loaded(store, node).entries if draft.tokens is not None]
            if counts:
                stage = node.name
                mean = sum(counts) / len(counts)
                yield Quantity(node, "written_tokens", mean, "tokens/query", stage, n=len(counts))
