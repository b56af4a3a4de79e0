"""Take the document that bears its query's id out of what the query found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.stage import Filter, Runtime


class IdenticalIds(Filter):
    """What `ignore_identical_ids` of a data set asks for: a query that stands in the corpus must not find itself.

    The plan searches one document deeper than `depth`, so that a query from which one is taken keeps as many as others.
    """

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries) -> Callable[[Run], Run]:
        """Find the document of each query's own id; the call takes it out of a Run, and cuts it at `depth`."""
        own = pc.fill_null(corpus.find(queries.table["id"]), NONE).to_numpy()

        def without(run: Run) -> Run:
            here = own[run.rows.start : run.rows.stop]
            taken = (run.documents == here[:, None]) & (run.documents != NONE)
            documents, scores = np.where(taken, NONE, run.documents), np.where(taken, -np.inf, run.scores)
            return Run.top(scores, self.depth, documents=documents, rows=run.rows)

        return without
