"""TF-IDF, the cosine of term counts weighted as in scikit-learn: indexer and searcher.

`harness.search.analyzer` turns text into terms, `lexicon` counts them, and `postings` sums the weights.
"""

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
    """Ranks documents by the cosine of TF-IDF vectors, weighted as in scikit-learn.

    The weight of a term is its count times `1 + ln((1 + documents) / (1 + documents with the term))`, and documents are
    scaled to length 1: the defaults of scikit-learn's TfidfVectorizer (smooth_idf, norm l2).
    """

    takes: ClassVar = (Corpus,)
    sublinear_tf: bool = False
    """Whether a count is replaced by 1 + ln(count)."""

    def open(self, runtime: Runtime) -> Callable[[Corpus], Index]:
        """The call counts and weights the terms of all documents."""

        def index(corpus: Corpus) -> Index:
            index_terms = collect(corpus, self)
            frequencies = np.diff(index_terms.starts)
            idf = np.log((1 + len(corpus)) / (1 + frequencies)) + 1
            weights, squares = index_terms.times, np.zeros(len(corpus))
            for terms, entries in blocks(index_terms.starts):
                gain = scaled_counts(weights[entries], self.sublinear_tf) * np.repeat(idf[terms], frequencies[terms])
                weights[entries] = gain
                squares += np.bincount(index_terms.documents[entries], weights=gain**2, minlength=len(corpus))
            lengths = np.sqrt(squares).astype(np.float32)
            for _, entries in blocks(index_terms.starts):
                weights[entries] /= lengths[index_terms.documents[entries]]
            arrays = {
                "vocabulary": index_terms.vocabulary,
                "starts": index_terms.starts,
                "documents": index_terms.documents,
            }
            facts = {"documents": len(corpus), "sublinear_tf": self.sublinear_tf, **self.facts}
            return Index(arrays | {"weights": weights, "idf": idf}, facts)

        return index


class TfidfSearcher(PostingsSearcher):
    """Ranks documents by the cosine of their TF-IDF vectors with that of the query.

    Documents that share no term with the query are not retrieved. Words of the query that no document contains do not
    count towards its length, as in scikit-learn.
    """

    takes: ClassVar = (Queries,)

    def reader(self, index: Index) -> Callable[[Queries], WeightedQueries]:
        """Read the vocabulary; the call counts the terms of Queries."""
        lexicon = Lexicon(Analyzer.of(index.facts), index.arrays["vocabulary"])
        idf = np.asarray(index.arrays["idf"])
        sublinear = index.facts["sublinear_tf"]

        def read(queries: Queries) -> WeightedQueries:
            counts = lexicon.count(queries.texts)
            weights = scaled_counts(counts.times, sublinear) * idf[counts.terms]
            rows = np.repeat(np.arange(len(queries)), np.diff(counts.starts))
            lengths = np.sqrt(np.bincount(rows, weights=weights**2, minlength=len(queries)))
            return WeightedQueries(counts.starts, counts.terms, weights / lengths[rows])

        return read


def scaled_counts(times: np.ndarray, sublinear: bool) -> np.ndarray:
    """Return term counts in float64, unchanged or, if `sublinear`, as 1 + ln(count).

    >>> scaled_counts(np.array([1, 2]), True).round(3).tolist()
    [1.0, 1.693]
    """
    return 1 + np.log(times, dtype=np.float64) if sublinear else times.astype(np.float64)
