"""Read what a result folder holds to measure passages again: their positions and the gold spans."""

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
    """The passages that a system found and the gold spans, as far as measures need them."""

    query_ids: list[str]
    """The queries that have gold spans, ascending."""
    lists: Ranked
    gold: Gold


def read_evidence(results: Results, dataset: str, system: str, run: RunLines) -> PassageEvidence:
    """Combine the positions of passages, the gold spans and a run of passages.

    Raises UserError if the result has no gold spans, and DataError if the position of a passage of the run is missing.
    """
    spans, passages = (
        _where(results.spans(), dataset=dataset),
        _where(results.passages(), dataset=dataset, system=system),
    )
    if not len(spans):
        raise UserError("the result does not contain its gold spans: it was written before they were kept")
    queries, ids = pc.unique(spans["query_id"]), passages["passage_id"]
    documents = pc.unique(pa.chunked_array([*spans["doc_id"].chunks, *passages["doc_id"].chunks]))
    places = find_ids(run.documents, ids)
    if (places == NONE).any():
        unknown = run.documents[int(np.argmin(places))].as_py()
        message = f"has no position for {unknown!r}, a passage in the run of {system} on {dataset}"
        raise DataError(message, Place(relative(results.folder / PASSAGES)))
    span_places, passage_places = (_places(table, documents) for table in (spans, passages))
    gold = Gold(find_ids(spans["query_id"], queries), span_places, passage_places, len(queries), ids)
    lists = lists_of(run, queries)
    return PassageEvidence(queries.to_pylist(), Ranked(places[lists.documents], lists.scores, lists.borders), gold)


def _where(table: pa.Table, **values: str) -> pa.Table:
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def _places(table: pa.Table, documents: pa.Array) -> Places:
    document = find_ids(table["doc_id"], documents).astype(np.int64)
    return Places(document, to_numpy(table["start"]), to_numpy(table["end"]))
