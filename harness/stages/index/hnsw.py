"""Approximate nearest neighbours by a graph: hierarchical navigable small worlds; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import MissingLibrary
from harness.search.approximate import Ask, Distinct, accepted, asked, by_block, distinct, expanded, rank, stored
from harness.search.exact import Candidates
from harness.search.faiss_index import ENGINE, candidates, library, metric, one_thread, opened
from harness.search.similarity import Similarity
from harness.stage import Indexer, Runtime, Searcher

Engine = Literal["faiss", "usearch"]


class HnswIndexer(Indexer):
    """Malkov and Yashunin 2018, arXiv 1603.09320. `M` links a vector, `efConstruction` is the beam while building.

    Built on one thread, so that the same vectors give the same graph; equal vectors stand in it once. The levels are
    drawn by the engine's generator from its own fixed seed.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    M: int = Field(default=16, ge=2)
    efConstruction: int = Field(default=200, ge=1)  # noqa: N815  the paper's name
    engine: Engine = "faiss"

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call builds the graph; MissingLibrary without the engine, UserError for a vector that is not finite."""

        def index(vectors: Vectors) -> Index:
            array = accepted(self.word(), vectors, self.similarity)
            found = distinct(array)
            written = self._faiss(found.vectors) if self.engine == "faiss" else self._usearch(found.vectors)
            arrays = {ENGINE: written, "starts": found.starts, "members": found.members}
            facts = {"similarity": self.similarity, "engine": self.engine, "M": self.M}
            return Index(arrays, facts | {"dimensions": array.shape[1], "distinct": len(found.vectors)})

        return index

    def _faiss(self, vectors: np.ndarray) -> np.ndarray:
        faiss = library(f"'{self.word()}'")
        graph = faiss.IndexHNSWFlat(vectors.shape[1], self.M, metric(faiss, self.similarity))
        graph.hnsw.efConstruction = self.efConstruction
        with one_thread():
            graph.add(vectors)
        written: np.ndarray = faiss.serialize_index(graph)
        return written

    def _usearch(self, vectors: np.ndarray) -> np.ndarray:
        graph = usearch(self.word(), vectors.shape[1], self.similarity, self.M, self.efConstruction)
        if len(vectors):
            graph.add(np.arange(len(vectors)), vectors, threads=1)
        return np.frombuffer(graph.save(), np.uint8)


class HnswSearcher(Searcher):
    """Walk the graph with a beam of `efSearch`, or of `depth` where that is more; exact scores rank what it met.

    The beam does not depend on the depth up to `efSearch`, so neither do the first places.
    """

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    efSearch: int = Field(default=64, ge=1)  # noqa: N815  the paper's name

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Read the graph into memory (usearch maps it); the call answers Vectors, on the CPU wherever the rest runs."""
        facts, arrays = index.facts, index.arrays
        similarity, width = facts["similarity"], facts["dimensions"]
        beam = min(max(self.efSearch, self.depth), facts["distinct"])
        if facts["engine"] == "faiss":
            ask, fetch = faiss_graph(self.word(), index, beam)
        else:
            ask, fetch = usearch_graph(self.word(), index, beam, runtime.threads)
        found = Distinct(np.empty((0, width)), np.asarray(arrays["starts"]), np.asarray(arrays["members"]))
        place = np.empty(len(found.members), np.int64)
        place[found.members] = np.repeat(np.arange(facts["distinct"]), np.diff(found.starts))
        by_document = stored(lambda rows: fetch(place[rows]), len(place), width, similarity)

        def answer(queries: np.ndarray, rows: range) -> Run:
            pool = expanded(ask(queries, beam), found, self.depth)
            return rank(by_document, queries, pool, self.depth, rows)

        def search(queries: Vectors) -> Run:
            return by_block(asked(self.word(), queries, width, similarity), queries.rows, beam, answer)

        return search


Fetch = Callable[[np.ndarray], np.ndarray]


def faiss_graph(word: str, index: Index, beam: int) -> tuple[Ask, Fetch]:
    """Open a graph of faiss."""
    faiss, graph = library(f"'{word}'"), opened(word, index)
    parameters = faiss.SearchParametersHNSW(efSearch=beam)

    def ask(queries: np.ndarray, wanted: int) -> Candidates:
        distances, documents = graph.search(queries, wanted, params=parameters)
        return candidates(distances, documents, index.facts["similarity"])

    return ask, graph.reconstruct_batch


def usearch_graph(word: str, index: Index, beam: int, threads: int) -> tuple[Ask, Fetch]:
    """Open a graph of usearch over the bytes where they lie."""
    facts = index.facts
    graph = usearch(word, facts["dimensions"], facts["similarity"], facts["M"], beam=beam)
    graph.view(np.asarray(index.arrays[ENGINE]))

    def ask(queries: np.ndarray, wanted: int) -> Candidates:
        found: Any = graph.search(queries, wanted, threads=threads)
        keys, distances = np.atleast_2d(found.keys).astype(np.int64), np.atleast_2d(found.distances)
        counts: Any = getattr(found, "counts", keys.shape[1])  # one query alone has no counts
        keys[np.arange(keys.shape[1]) >= np.reshape(counts, (-1, 1))] = NONE
        return candidates(distances, keys, "euclidean")  # usearch gives distances throughout

    return ask, lambda rows: np.vstack(graph.get(rows))


def usearch(word: str, dimensions: int, similarity: Similarity, M: int, building: int = 0, beam: int = 0) -> Any:  # noqa: N803
    """Return an empty graph of usearch; MissingLibrary where it is not installed."""
    try:
        from usearch.index import Index as Graph
    except ImportError:
        raise MissingLibrary("usearch", "usearch", f"'{word}' with engine: usearch") from None
    kind = "l2sq" if similarity == "euclidean" else "ip"
    return Graph(
        ndim=dimensions, metric=kind, dtype="f32", connectivity=M, expansion_add=building, expansion_search=beam
    )
