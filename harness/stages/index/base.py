"""The base class of searchers over posting lists, the inverted indexes of `harness.search.postings`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.artifacts.all_scores import AllScores
from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.search.postings import Postings, WeightedQueries
from harness.stage import ExhaustiveSearcher, Runtime


class PostingsSearcher(ExhaustiveSearcher):
    """Ranks documents by weighted sums over posting lists; a subclass maps queries to lists and weights."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Any], Run]:
        """Map the posting lists; the call searches with the types in `takes`."""
        del runtime  # the sums run on one thread
        postings, read = Postings.of(index), self.reader(index)
        return lambda queries: postings.search(read(queries), self.depth, queries.rows)

    def scores(self, runtime: Runtime, index: Index) -> Callable[[Any], AllScores]:
        """Map the posting lists; the call scores all documents for the types in `takes`."""
        del runtime  # the sums run on one thread
        postings, read = Postings.of(index), self.reader(index)
        return lambda queries: postings.all_scores(read(queries))

    def reader(self, index: Index) -> Callable[[Any], WeightedQueries]:
        """Return the function that turns queries into their posting lists and weights."""
        raise NotImplementedError
