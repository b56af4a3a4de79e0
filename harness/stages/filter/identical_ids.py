"""Take the document that bears its query's id out of what the query found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.artifacts.base import find_ids
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.stage import Filter, Runtime


class IdenticalIds(Filter):
    """What `ignore_identical_ids` of a data set asks for: a query that stands in the corpus must not find itself.

    The plan searches one document deeper than `depth`, so that a query from which one is taken keeps as many as others.
    Of passages all that are of that document go, so that its query may keep fewer.
    """

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """Find the query that bears each document's id; the call takes it out of a Run, and cuts it at `depth`."""
        ids = corpus.parent_ids if isinstance(corpus, Passages) else corpus.table["id"]
        bearer = find_ids(ids, queries.table["id"])

        def without(run: Run) -> Run:
            taken = (bearer[run.documents] == np.array(run.rows)[:, None]) & (run.documents != NONE)
            documents, scores = np.where(taken, NONE, run.documents), np.where(taken, -np.inf, run.scores)
            return Run.top(scores, self.depth, documents=documents, rows=run.rows)

        return without
