"""What stands behind measures of passages in a result folder: where passages and gold spans lie, and no text.

`record` writes it, `verify` reads it. A system that ends without a collapse is measured by its documents, which lie in
`passages.parquet` like passages; then its run is that under `runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.arrow import to_numpy
from harness.artifacts.base import find_ids
from harness.artifacts.judgements import Spans
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError, Place, UserError, relative
from harness.fingerprint import Fingerprint
from harness.measures.gold import Gold, Places
from harness.measures.ranked import Ranked, lists_of
from harness.plan import Plan, Target
from harness.results import PASSAGES, PASSAGES_SCHEMA, SPANS_SCHEMA, Behind, Results, RunFile
from harness.stage import Node, SpanScorer


def behind(plan: Plan, failed: Collection[Fingerprint], load: Callable[[Node], Any]) -> Behind | None:
    """Give what stands behind the measures of passages of a plan, by `load`; `failed` are the nodes that there are not.

    None where nothing is measured so.
    """
    runs, passages, spans = [], [], {}
    for target in plan.targets:
        measured = [node for node in target.scores.values() if isinstance(node.stage, SpanScorer)]
        if not measured or measured[0].fingerprint in failed:
            continue
        run, (texts, corpus, queries, gold) = load(measured[0].stream[0]), map(load, measured[0].inputs[1:])
        if isinstance(texts, Passages):
            runs.append(RunFile(target.dataset, target.system, queries.table["id"], texts.table["id"], run))
        touched = Gold.of(texts, corpus, queries, gold).judgements.documents
        rows = np.union1d(run.documents[run.documents != NONE], touched)
        passages.append(_passages(target, rows, texts, corpus))
        spans[target.dataset] = _spans(target.dataset, gold, queries)
    return Behind(runs, pa.concat_tables(passages), pa.concat_tables(spans.values())) if passages else None


def _passages(target: Target, rows: np.ndarray, texts: Corpus, corpus: Corpus) -> pa.Table:
    """Say where some passages lie."""
    places = Places.of(texts)
    columns = {
        "dataset": pa.repeat(pa.scalar(target.dataset), len(rows)),
        "system": pa.repeat(pa.scalar(target.system), len(rows)),
        "passage_id": texts.table["id"].take(pa.array(rows)),
        "doc_id": corpus.table["id"].take(pa.array(places.document[rows])),
        "start": places.start[rows],
        "end": places.end[rows],
    }
    return pa.table(columns).cast(PASSAGES_SCHEMA)


def _spans(dataset: str, gold: Spans, queries: Queries) -> pa.Table:
    """Return the gold spans of the queries that are asked."""
    kept = gold.table.filter(pc.is_in(gold.table["query_id"], value_set=queries.table["id"].combine_chunks()))
    return kept.add_column(0, "dataset", pa.repeat(pa.scalar(dataset), len(kept))).cast(SPANS_SCHEMA)


class Held(NamedTuple):
    """What a result folder holds of one system, to measure its passages again."""

    query_ids: list[str]
    """The queries that have a gold span, ascending."""
    lists: Ranked
    gold: Gold


def read_evidence(results: Results, dataset: str, system: str, run: RunLines) -> Held:
    """Bring the places of passages, the gold spans and a run of passages together.

    UserError where the result has none of them, DataError where nothing says where a passage of the run lies.
    """
    spans, passages = (
        _where(results.spans(), dataset=dataset),
        _where(results.passages(), dataset=dataset, system=system),
    )
    if not len(spans):
        raise UserError("the result does not hold its gold spans: it is older than that")
    queries, ids = pc.unique(spans["query_id"]), passages["passage_id"]
    documents = pc.unique(pa.chunked_array([*spans["doc_id"].chunks, *passages["doc_id"].chunks]))
    places = find_ids(run.documents, ids)
    if (places == NONE).any():
        stranger = run.documents[int(np.argmin(places))].as_py()
        message = f"does not say where {stranger!r} lies, which the run of {system} on {dataset} holds"
        raise DataError(message, Place(relative(results.folder / PASSAGES)))
    found, kept = (_places(table, documents) for table in (spans, passages))
    gold = Gold(find_ids(spans["query_id"], queries), found, kept, len(queries), ids)
    lists = lists_of(run, queries)
    return Held(queries.to_pylist(), Ranked(places[lists.documents], lists.scores, lists.borders), gold)


def _where(table: pa.Table, **values: str) -> pa.Table:
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def _places(table: pa.Table, documents: pa.Array) -> Places:
    found = find_ids(table["doc_id"], documents).astype(np.int64)
    return Places(found, to_numpy(table["start"]), to_numpy(table["end"]))
