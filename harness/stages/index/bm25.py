"""BM25: the classic lexical ranking, in the five variants that bm25s names; indexer and searcher."""

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
"""Postings that are weighed at a time."""
Method = Literal["lucene", "robertson", "atire", "bm25l", "bm25+"]


class Bm25Indexer(Indexer, Analyzer):
    """Weigh each term of each document once, so that a search only adds (Lù 2024, arXiv 2407.03618).

    The variants are those of Kamphuis et al. 2020, "Which BM25 Do You Mean?". k1 = 0.9 and b = 0.4 are Anserini's.
    """

    takes: ClassVar = (Corpus,)
    k1: float = Field(default=0.9, ge=0)
    b: float = Field(default=0.4, ge=0, le=1)
    delta: float = Field(default=0.5, ge=0)
    """Of bm25l and bm25+ only."""
    method: Method = "lucene"

    def open(self, runtime: Runtime) -> Callable[[Corpus], Index]:
        """The call counts and weighs the terms of all documents."""

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
    """Add up the weights of the query's terms. A term that the query repeats counts as often, as in Lucene.

    Documents that hold none of them, or whose score is not above 0, are not found.
    """

    takes: ClassVar = (Queries,)

    def reader(self, index: Index) -> Callable[[Queries], WeightedQueries]:
        """Read the vocabulary; the call counts the terms of Queries."""
        lexicon = Lexicon(Analyzer.of(index.facts), index.arrays["vocabulary"])
        absent = np.asarray(index.arrays["absent"])

        def read(queries: Queries) -> WeightedQueries:
            found = lexicon.count(queries.texts)
            base = np.zeros(len(queries))
            rows = np.repeat(np.arange(len(queries)), np.diff(found.starts))
            np.add.at(base, rows, absent[found.terms] * found.times)
            return WeightedQueries(found.starts, found.terms, found.times, base)

        return read


def weigh(collection: TermIndex, stage: Bm25Indexer) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each posting, and the weight of each term in a document that lacks it.

    The second is 0 but for bm25l and bm25+; there the first is what the term adds to it, so that sums stay sparse.
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
    """Weigh terms by the number of documents, of `size`, that hold them."""
    rest = size - frequencies + 0.5
    inside: dict[Method, Any] = {
        "lucene": 1 + rest / (frequencies + 0.5),
        "robertson": np.maximum(rest / (frequencies + 0.5), 1),
        "atire": size / np.maximum(frequencies, 1),
        "bm25l": (size + 1) / (frequencies + 0.5),
        "bm25+": (size + 1) / np.maximum(frequencies, 1),
    }
    found: np.ndarray = np.log(inside[method])
    return found


def saturate(times: np.ndarray, stretch: np.ndarray, stage: Bm25Indexer) -> np.ndarray:
    """Weigh how often a term stands in a document; `stretch` is its length against the mean, tempered by b."""
    k1, delta = stage.k1, stage.delta
    if stage.method == "bm25l":
        level: np.ndarray = times / stretch + delta
        return (k1 + 1) * level / (k1 + level)
    part: np.ndarray = times / np.maximum(k1 * stretch + times, np.finfo(float).tiny)
    if stage.method in ("lucene", "robertson"):
        return part
    return (k1 + 1) * part + (delta if stage.method == "bm25+" else 0)
