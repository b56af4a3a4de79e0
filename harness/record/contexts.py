"""How much text a reader receives, and from where; the texts themselves stay in the store."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from harness.artifacts.contexts import Contexts
from harness.plan import Target
from harness.record.made import Made
from harness.results import CONTEXTS_SCHEMA, Measurement


def context_rows(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield means over all queries, including those whose context is empty, and the token budget.

    Yields the failure in their place if the contexts could not be made, and nothing if the system arranges none.
    """
    node = target.chain.contexts
    if node is None:
        return
    name, reason = node.fingerprint, made.failed.get(node.fingerprint)
    if reason is not None:
        yield Measurement.failure(target, "context_tokens", reason, "tokens/query", fingerprint=name)
        return
    contexts: Contexts = made.load(node)
    n = len(contexts)
    if not n:
        return
    documents = sum(len({context.doc_id for context in texts}) for texts in contexts.texts)
    totals = {
        "context_tokens": (sum(contexts.tokens), "tokens/query"),
        "context_texts": (sum(map(len, contexts.texts)), "texts/query"),
        "context_documents": (documents, "documents/query"),
    }
    for quantity, (total, unit) in totals.items():
        yield Measurement.of(target, quantity, total / n, unit, fingerprint=name, n=n)
    yield Measurement.of(target, "context_budget", contexts.budget.tokens, "tokens/query", fingerprint=name)


def context_table(made: Made) -> pa.Table | None:
    """Return the place of every text that a reader receives (CONTEXTS_SCHEMA); None if no system arranges any."""
    tables = [
        _places(target, made.load(node))
        for target in made.plan.targets
        if (node := target.chain.contexts) is not None and node.fingerprint not in made.failed
    ]
    return pa.concat_tables(tables) if tables else None


def _places(target: Target, contexts: Contexts) -> pa.Table:
    rows = [
        {"dataset": target.dataset, "system": target.system, "query_id": query_id, "position": i, **context._asdict()}
        for query_id, texts in zip(contexts.query_ids, contexts.texts, strict=True)
        for i, context in enumerate(texts, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=CONTEXTS_SCHEMA)
