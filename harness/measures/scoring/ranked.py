"""Ranked lists of any length, concatenated: the form of a run that is too uneven for a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.base import find_ids
from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.run_lines import RunLines
from harness.measures.judgements import Judgements, Names


@dataclass(frozen=True, eq=False)
class Ranked:
    """Ranked lists, in canonical order within each query."""

    documents: np.ndarray
    """The row of the document at each place; int32[places]."""
    scores: np.ndarray
    """The score at each place; float32[places]."""
    borders: np.ndarray
    """The list of query i is at the places from `borders[i]` to `borders[i + 1]`; int64[queries + 1]."""

    @classmethod
    def of(cls, run: Run) -> Self:
        """Convert a run, without its empty places."""
        filled = run.documents != NONE
        borders = np.concatenate([[0], np.cumsum(filled.sum(axis=1))])
        return cls(run.documents[filled], run.scores[filled], borders)

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.borders) - 1

    @property
    def rows(self) -> range:
        """The rows of the queries in the judgements: all of them."""
        return range(len(self))

    @cached_property
    def retrieved(self) -> np.ndarray:
        """The number of documents of each query; int64[queries]."""
        return np.diff(self.borders)

    @cached_property
    def queries(self) -> np.ndarray:
        """The query of each place; int64[places]."""
        return np.repeat(np.arange(len(self)), self.retrieved)

    @cached_property
    def ranks(self) -> np.ndarray:
        """The rank of each place in its list, from 1; int64[places]."""
        ranks: np.ndarray = np.arange(len(self.documents)) - self.borders[self.queries] + 1
        return ranks

    def lists(self) -> list[np.ndarray]:
        """Return the documents of each query, int32[retrieved] each."""
        return np.split(self.documents, self.borders[1:-1])


def rank_judged(run: RunLines, qrels: Qrels) -> tuple[Ranked, Judgements]:
    """Match a run by ids with judgements: one list for every judged query, in the order of `query_ids`.

    Queries of the run that are not judged are left out, and a judged query that the run lacks has an empty list.
    """
    judged = pc.unique(qrels.table["query_id"])
    known = Judgements.of(
        find_ids(qrels.table["query_id"], judged),
        find_ids(qrels.table["doc_id"], run.documents),
        qrels.grades,
        len(judged),
        Names(pa.chunked_array([run.documents]), qrels.table["doc_id"]),
    )
    return lists_of(run, judged), known


def lists_of(run: RunLines, queries: pa.Array) -> Ranked:
    """Return one list for each of some queries, whose ids are ascending; it is empty if the run lacks the query."""
    rows = find_ids(run.queries, queries)[run.query]
    kept = rows >= 0
    return Ranked(run.document[kept], run.scores[kept], np.searchsorted(rows[kept], np.arange(len(queries) + 1)))
