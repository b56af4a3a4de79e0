"""BM25 in the five variants of bm25s: indexer and searcher.

`harness.search.analyzer` turns text into terms, `lexicon` counts them, and `postings` sums the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.text import Corpus, Queries
from harness.search.analyzer import Analyzer
from harness.search.lexicon import Lexicon, TermIndex, blocks, collect
from harness.search.postings import WeightedQueries
from harness.stage import Indexer, Runtime
from harness.stages.index.base import PostingsSearcher

BLOCK = 1_000_000
"""The number of postings that are weighted at a time."""
Method = Literal["lucene", "robertson", "atire", "bm25l", "bm25+"]


class Bm25Indexer(Indexer, Analyzer):
    """Ranks documents by BM25 with weights computed at indexing time (Lù 2024).

    arXiv 2407.03618. A search only adds up the weights of terms. The variants are those of Kamphuis et al. 2020, "Which
    BM25 Do You Mean?". The defaults k1 = 0.9 and b = 0.4 are Anserini's.
    """

    takes: ClassVar = (Corpus,)
    k1: float = Field(default=0.9, ge=0)
    """The saturation of term frequency: the lower it is, the less repetitions of a term count."""
    b: float = Field(default=0.4, ge=0, le=1)
    """The length normalisation, from 0 for none to 1 for full."""
    delta: float = Field(default=0.5, ge=0)
    """The lower bound that bm25l and bm25+ add; the other methods ignore it."""
    method: Method = "lucene"
    """The variant of BM25, as named in bm25s."""

    def open(self, runtime: Runtime) -> Callable[[Corpus], Index]:
        """The call counts and weights the terms of all documents."""

        def index(corpus: Corpus) -> Index:
            collection = collect(corpus, self)
            weights, absent = weigh(collection, self)
            arrays = {
                "vocabulary": collection.vocabulary,
                "starts": collection.starts,
                "documents": collection.documents,
                "weights": weights,
                "absent": absent,
            }
            return Index(arrays, {"documents": len(corpus), **self.facts})

        return index


class Bm25Searcher(PostingsSearcher):
    """Ranks documents by the sum of the weights of the query's terms.

    A term repeated in the query counts each time, as in Lucene. Documents that contain none of the terms, or whose
    score is not above 0, are not retrieved.
    """

    takes: ClassVar = (Queries,)

    def reader(self, index: Index) -> Callable[[Queries], WeightedQueries]:
        """Read the vocabulary; the call counts the terms of Queries."""
        lexicon = Lexicon(Analyzer.of(index.facts), index.arrays["vocabulary"])
        absent = np.asarray(index.arrays["absent"])

        def read(queries: Queries) -> WeightedQueries:
            counts = lexicon.count(queries.texts)
            base = np.zeros(len(queries))
            rows = np.repeat(np.arange(len(queries)), np.diff(counts.starts))
            np.add.at(base, rows, absent[counts.terms] * counts.times)
            return WeightedQueries(counts.starts, counts.terms, counts.times, base)

        return read


def weigh(collection: TermIndex, stage: Bm25Indexer) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each posting, float32[postings], and of each term where it is absent, float32[terms].

    The weights of absent terms are 0 except for bm25l and bm25+. With these, the weight of a posting is the difference
    from the weight of the absent term, so that sums stay sparse.
    """
    frequencies = np.diff(collection.starts)
    idf = inverse_frequency(frequencies, len(collection.lengths), stage.method)
    mean = collection.lengths.mean() if collection.lengths.any() else 1.0
    stretch = 1 - stage.b + stage.b * collection.lengths / mean
    absent = idf * saturate(np.zeros(1), np.ones(1), stage)
    weights = np.empty(len(collection.times), np.float32)
    for terms, entries in blocks(collection.starts, BLOCK):
        times = collection.times[entries].astype(np.float64)
        gain = np.repeat(idf[terms], frequencies[terms]) * saturate(
            times, stretch[collection.documents[entries]], stage
        )
        weights[entries] = gain - np.repeat(absent[terms], frequencies[terms])
    return weights, absent.astype(np.float32)


def inverse_frequency(frequencies: np.ndarray, size: int, method: Method) -> np.ndarray:
    """Return the inverse document frequency of terms that occur in `frequencies` of `size` documents."""
    rest = size - frequencies + 0.5
    inside: dict[Method, Any] = {
        "lucene": 1 + rest / (frequencies + 0.5),
        "robertson": np.maximum(rest / (frequencies + 0.5), 1),
        "atire": size / np.maximum(frequencies, 1),
        "bm25l": (size + 1) / (frequencies + 0.5),
        "bm25+": (size + 1) / np.maximum(frequencies, 1),
    }
    idf: np.ndarray = np.log(inside[method])
    return idf


def saturate(times: np.ndarray, stretch: np.ndarray, stage: Bm25Indexer) -> np.ndarray:
    """Return the weight of term frequencies; `stretch` is the document length relative to the mean, adjusted by b."""
    k1, delta = stage.k1, stage.delta
    if stage.method == "bm25l":
        level: np.ndarray = times / stretch + delta
        return (k1 + 1) * level / (k1 + level)
    part: np.ndarray = times / np.maximum(k1 * stretch + times, np.finfo(float).tiny)
    if stage.method in ("lucene", "robertson"):
        return part
    return (k1 + 1) * part + (delta if stage.method == "bm25+" else 0)
