"""Removing the document that has the same id as its query."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.base import find_ids
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.stage import Filter, Runtime


class IdenticalIds(Filter):
    """Removes the document with the query's own id, for data sets whose queries are documents of the corpus.

    The plan adds it if the data set sets `ignore_identical_ids`, and searches one document deeper than `depth`, so that
    every query can keep `depth` documents. In a run of passages, all passages of that document are removed, so its
    query may keep fewer.
    """

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """Find the query with each document's id; the call removes those documents from a Run and truncates it."""
        ids = corpus.parent_ids if isinstance(corpus, Passages) else corpus.table["id"]
        namesake = find_ids(ids, queries.table["id"])

        def remove(run: Run) -> Run:
            removed = (namesake[run.documents] == np.array(run.rows)[:, None]) & (run.documents != NONE)
            documents, scores = np.where(removed, NONE, run.documents), np.where(removed, -np.inf, run.scores)
            return Run.top(scores, self.depth, documents=documents, rows=run.rows)

        return remove
