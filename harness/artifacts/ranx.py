"""Runs of ours as runs of ranx, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.errors import MissingLibrary, UserError


def library() -> ModuleType:
    """Import ranx, which compiles for some 20 s when it is first used; MissingLibrary if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ranx
    except ImportError:
        raise MissingLibrary("ranx", "ranx", "this") from None
    found: ModuleType = ranx
    return found


def row_names(count: int) -> list[str]:
    """Name rows so that names ascend as the rows do; all have one length, for which ranx then compiles once.

    >>> row_names(2)
    ['0000000000', '0000000001']
    """
    return [f"{row:010}" for row in range(count)]


def to_ranx(run: Run, query_ids: Sequence[str], doc_ids: Sequence[str], name: str | None = None) -> Any:
    """Return a ranx.Run of the queries `run.rows`, its documents in our canonical order.

    ranx's own constructor sorts again, by an unstable sort, so that what is tied would stand in any order; the methods
    of fusion that look at ranks would then give another answer than the tie rule. It compiles once for every length of
    the longest id. Raises UserError for a run without a query, MissingLibrary where ranx is not installed.
    """
    ranx = library()
    from numba.typed import List
    from ranx.data_structures.common import create_bulk

    if not len(run):
        raise UserError("ranx cannot hold a run without a query")
    found = run.documents != NONE
    known = np.array(doc_ids, dtype=np.str_)
    made = ranx.Run(name=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.run = create_bulk(
            List([query_ids[row] for row in run.rows]),
            List([known[documents[there]] for documents, there in zip(run.documents, found, strict=True)]),
            List([scores[there].astype(np.float64) for scores, there in zip(run.scores, found, strict=True)]),
        )
    made.sorted = True
    return made


def from_ranx(
    found: Any, query_ids: Sequence[str], doc_ids: Sequence[str], depth: int, rows: range | None = None
) -> Run:
    """Return our Run of a ranx.Run: the queries `rows` of `query_ids` in their order, documents as rows of `doc_ids`.

    Raises UserError for a document that is not among `doc_ids`; a query that the run lacks has no documents.
    """
    rows = range(len(query_ids)) if rows is None else rows
    places = {key: row for row, key in enumerate(doc_ids)}
    answers = [dict(found.run[query_ids[row]]) if query_ids[row] in found.run else {} for row in rows]
    width = max(map(len, answers), default=0)
    documents = np.full((len(answers), width), NONE, np.int32)
    scores = np.full((len(answers), width), -np.inf)
    for row, answer in enumerate(answers):
        for key in answer:
            if key not in places:
                raise UserError(f"the run of ranx holds the document {key!r}, which the data set does not")
        documents[row, : len(answer)] = [places[key] for key in answer]
        scores[row, : len(answer)] = list(answer.values())
    return Run.top(scores, depth, documents=documents, rows=rows)
