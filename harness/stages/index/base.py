"""What the searches over posting lists share: they answer a query, or score all documents for it, by the same sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.artifacts.all_scores import AllScores
from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.search.postings import Postings, WeightedQueries
from harness.stage import ExhaustiveSearcher, Runtime


class PostingsSearcher(ExhaustiveSearcher):
    """Ranks by sums over posting lists. A subclass says which lists a query asks for, and what each is worth to it."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Any], Run]:
        """Map the posting lists; the call answers what `takes` names."""
        del runtime  # sums of one query need no threads
        postings, asked = Postings.of(index), self.reader(index)
        return lambda queries: postings.search(asked(queries), self.depth, queries.rows)

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Any], AllScores]:
        """Map the posting lists; the call scores all documents for what `takes` names."""
        del runtime  # sums of one query need no threads
        postings, asked = Postings.of(index), self.reader(index)
        return lambda queries: postings.all_scores(asked(queries))

    def reader(self, index: Index) -> Callable[[Any], WeightedQueries]:
        """Return what turns queries into the lists that they ask for."""
        raise NotImplementedError
