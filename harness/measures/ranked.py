"""Ranked lists of any length behind each other: what a run is where no matrix would hold it."""

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
    """`documents` int32[places] and `scores` float32[places], in canonical order within each query."""

    documents: np.ndarray
    scores: np.ndarray
    borders: np.ndarray
    """int64[queries + 1]: the list of query i lies from `borders[i]` to `borders[i + 1]`."""

    @classmethod
    def of(cls, run: Run) -> Self:
        """Leave out the empty places of a run."""
        there = run.documents != NONE
        borders = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        return cls(run.documents[there], run.scores[there], borders)

    def __len__(self) -> int:
        """Count the queries."""
        return len(self.borders) - 1

    @property
    def rows(self) -> range:
        """All queries of the judgements that go with it."""
        return range(len(self))

    @cached_property
    def retrieved(self) -> np.ndarray:
        """How many documents each query has; int64[queries]."""
        return np.diff(self.borders)

    @cached_property
    def queries(self) -> np.ndarray:
        """Which query each place belongs to; int64[places]."""
        return np.repeat(np.arange(len(self)), self.retrieved)

    @cached_property
    def ranks(self) -> np.ndarray:
        """Each place's number in its list, from 1; int64[places]."""
        found: np.ndarray = np.arange(len(self.documents)) - self.borders[self.queries] + 1
        return found

    def lists(self) -> list[np.ndarray]:
        """Return one array of documents a query."""
        return np.split(self.documents, self.borders[1:-1])


def rank_judged(run: RunLines, qrels: Qrels) -> tuple[Ranked, Judgements]:
    """Bring a run by ids and judgements together: one list for every judged query, in the order of `query_ids`.

    Queries of the run that nobody judged are left out, and a judged query that the run lacks has an empty list.
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
    """Return one list for each of some queries, whose ids ascend; empty where the run lacks it."""
    rows = find_ids(run.queries, queries)[run.query]
    kept = rows >= 0
    return Ranked(run.document[kept], run.scores[kept], np.searchsorted(rows[kept], np.arange(len(queries) + 1)))
