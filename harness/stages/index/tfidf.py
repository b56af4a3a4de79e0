"""TF-IDF: the cosine of weighted term counts, as scikit-learn weighs them; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.text import Corpus, Queries
from harness.search.analyzer import Analyzer
from harness.search.lexicon import Lexicon, blocks, collect
from harness.search.postings import WeightedQueries
from harness.stage import Indexer, Runtime
from harness.stages.index.base import PostingsSearcher


class TfidfIndexer(Indexer, Analyzer):
    """Weigh a term by its count times `1 + ln((1 + documents) / (1 + documents with it))`; bring documents to length 1.

    These are the defaults of scikit-learn's TfidfVectorizer (smooth_idf, norm l2).
    """

    takes: ClassVar = (Corpus,)
    sublinear_tf: bool = False
    """Weigh a count as 1 + ln(count)."""

    def open(self, runtime: Runtime) -> Callable[[Corpus], Index]:
        """The call counts and weighs the terms of all documents."""

        def index(corpus: Corpus) -> Index:
            found = collect(corpus, self)
            frequencies = np.diff(found.starts)
            idf = np.log((1 + len(corpus)) / (1 + frequencies)) + 1
            weights, squares = found.times, np.zeros(len(corpus))
            for terms, entries in blocks(found.starts):
                gain = tempered(weights[entries], self.sublinear_tf) * np.repeat(idf[terms], frequencies[terms])
                weights[entries] = gain
                squares += np.bincount(found.documents[entries], weights=gain**2, minlength=len(corpus))
            lengths = np.sqrt(squares).astype(np.float32)
            for _, entries in blocks(found.starts):
                weights[entries] /= lengths[found.documents[entries]]
            arrays = {"vocabulary": found.vocabulary, "starts": found.starts, "documents": found.documents}
            facts = {"documents": len(corpus), "sublinear_tf": self.sublinear_tf, **self.facts}
            return Index(arrays | {"weights": weights, "idf": idf}, facts)

        return index


class TfidfSearcher(PostingsSearcher):
    """Rank by the cosine between query and document; documents that share no term with the query are not found.

    Words of the query that no document holds do not count in its length, as in scikit-learn.
    """

    takes: ClassVar = (Queries,)

    def reader(self, index: Index) -> Callable[[Queries], WeightedQueries]:
        """Read the vocabulary; the call counts the terms of Queries."""
        lexicon = Lexicon(Analyzer.of(index.facts), index.arrays["vocabulary"])
        idf = np.asarray(index.arrays["idf"])
        sublinear = index.facts["sublinear_tf"]

        def read(queries: Queries) -> WeightedQueries:
            found = lexicon.count(queries.texts)
            weights = tempered(found.times, sublinear) * idf[found.terms]
            rows = np.repeat(np.arange(len(queries)), np.diff(found.starts))
            lengths = np.sqrt(np.bincount(rows, weights=weights**2, minlength=len(queries)))
            return WeightedQueries(found.starts, found.terms, weights / lengths[rows])

        return read


def tempered(times: np.ndarray, sublinear: bool) -> np.ndarray:
    """Weigh counts as they are or by their logarithm, in float64.

    >>> tempered(np.array([1, 2]), True).round(3).tolist()
    [1.0, 1.693]
    """
    return 1 + np.log(times, dtype=np.float64) if sublinear else times.astype(np.float64)
