"""Converts our runs to runs of ranx, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.errors import MissingLibrary, UserError


def library() -> ModuleType:
    """Import ranx. Raises MissingLibrary if it is not installed. It compiles for about 20 s on first use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ranx
    except ImportError:
        raise MissingLibrary("ranx", "ranx", "this") from None
    module: ModuleType = ranx
    return module


def row_names(count: int) -> list[str]:
    """Return names that ascend with the rows. They have equal lengths, because ranx compiles for each length of id.

    >>> row_names(2)
    ['0000000000', '0000000001']
    """
    return [f"{row:010}" for row in range(count)]


def to_ranx(run: Run, query_ids: Sequence[str], doc_ids: Sequence[str], name: str | None = None) -> Any:
    """Return a ranx.Run of the queries `run.rows`, with the documents in our canonical order.

    ranx's own constructor would sort tied documents in arbitrary order, and fusion methods that use ranks would then
    not follow our tie rule. ranx compiles once for every length of the longest id. Raises UserError for a run without
    queries, MissingLibrary if ranx is not installed.
    """
    ranx = library()
    from numba.typed import List
    from ranx.data_structures.common import create_bulk

    if not len(run):
        raise UserError("ranx cannot represent a run without queries")
    used = run.documents != NONE
    ids = np.array(doc_ids, dtype=np.str_)
    converted = ranx.Run(name=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted.run = create_bulk(
            List([query_ids[row] for row in run.rows]),
            List([ids[documents[places]] for documents, places in zip(run.documents, used, strict=True)]),
            List([scores[places].astype(np.float64) for scores, places in zip(run.scores, used, strict=True)]),
        )
    converted.sorted = True
    return converted


def from_ranx(
    found: Any, query_ids: Sequence[str], doc_ids: Sequence[str], depth: int, rows: range | None = None
) -> Run:
    """Convert a ranx.Run: its queries are `rows` of `query_ids`, its documents become rows of `doc_ids`.

    A query that is missing from the run gets no documents. Raises UserError for a document that is not in `doc_ids`.
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
                raise UserError(f"the run of ranx contains the document {key!r}, which is not in the data set")
        documents[row, : len(answer)] = [places[key] for key in answer]
        scores[row, : len(answer)] = list(answer.values())
    return Run.top(scores, depth, documents=documents, rows=rows)
