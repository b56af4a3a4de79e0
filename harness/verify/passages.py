"""What a result folder holds to measure passages again: their places and the gold spans."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_numpy
from harness.artifacts.base import find_ids
from harness.artifacts.run import NONE
from harness.artifacts.run_lines import RunLines
from harness.errors import DataError, Place, UserError, relative
from harness.measures.scoring.gold_spans import Gold, Places
from harness.measures.scoring.ranked import Ranked, lists_of
from harness.results import Results
from harness.results.layout import PASSAGES


class PassageEvidence(NamedTuple):
    """What a result folder holds of one system, to measure its passages again."""

    query_ids: list[str]
    """The queries that have a gold span, ascending."""
    lists: Ranked
    gold: Gold


def read_evidence(results: Results, dataset: str, system: str, run: RunLines) -> PassageEvidence:
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
    return PassageEvidence(queries.to_pylist(), Ranked(places[lists.documents], lists.scores, lists.borders), gold)


def _where(table: pa.Table, **values: str) -> pa.Table:
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def _places(table: pa.Table, documents: pa.Array) -> Places:
    found = find_ids(table["doc_id"], documents).astype(np.int64)
    return Places(found, to_numpy(table["start"]), to_numpy(table["end"]))
