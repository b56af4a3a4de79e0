"""What a record says of contexts: how much a reader gets, and of what; the texts themselves stay in the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pyarrow as pa

from harness.artifacts.contexts import Contexts
from harness.fingerprint import Fingerprint
from harness.plan import Plan, Target
from harness.record.quantities import Quantity
from harness.results import CONTEXTS_SCHEMA
from harness.stage import Node


def quantities(node: Node, contexts: Contexts) -> Iterator[Quantity]:
    """Give the means over all queries, those too that get nothing, and the budget."""
    n = len(contexts)
    if not n:
        return
    documents = sum(len({context.doc_id for context in texts}) for texts in contexts.texts)
    said = {
        "context_tokens": (sum(contexts.tokens), "tokens/query"),
        "context_texts": (sum(map(len, contexts.texts)), "texts/query"),
        "context_documents": (documents, "documents/query"),
    }
    for name, (count, unit) in said.items():
        yield Quantity(node, name, count / n, unit, n=n)
    yield Quantity(node, "context_budget", contexts.budget.tokens, "tokens/query")


def table(plan: Plan, failed: Collection[Fingerprint], load: Callable[[Node], Any]) -> pa.Table | None:
    """Give where every text stands that a reader gets (CONTEXTS_SCHEMA); None where no system arranges."""
    found = [_rows(target, load(node)) for target in plan.targets if (node := _made(target, failed))]
    return pa.concat_tables(found) if found else None


def _made(target: Target, failed: Collection[Fingerprint]) -> Node | None:
    node = target.chain.contexts
    return node if node is not None and node.fingerprint not in failed else None


def _rows(target: Target, contexts: Contexts) -> pa.Table:
    rows = [
        {"dataset": target.dataset, "system": target.system, "query_id": query_id, "position": i, **context._asdict()}
        for query_id, texts in zip(contexts.query_ids, contexts.texts, strict=True)
        for i, context in enumerate(texts, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=CONTEXTS_SCHEMA)
