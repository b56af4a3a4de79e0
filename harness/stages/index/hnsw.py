"""Approximate nearest neighbour search in a hierarchical navigable small world graph: indexer and searcher.

`harness.search.faiss_index` reads and writes graphs of faiss; graphs of usearch are handled here.
`harness.search.approximate` stores equal vectors once and ranks the candidates of the graph by exact scores, as
`harness.search.exact` and `similarity` compute them. The file format of an index is in `harness.artifacts.index`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import NONE, Run
from harness.artifacts.vectors import Vectors
from harness.errors import MissingLibrary
from harness.search.approximate import (
    Distinct,
    FindCandidates,
    distinct,
    document_vectors,
    expand_duplicates,
    query_vectors,
    rank,
    search_in_blocks,
    stored_documents,
)
from harness.search.exact import Candidates
from harness.search.faiss_index import ENGINE, as_candidates, import_faiss, metric, one_thread, open_index
from harness.search.similarity import Similarity
from harness.stage import Indexer, Runtime, Searcher

Engine = Literal["faiss", "usearch"]


class HnswIndexer(Indexer):
    """Links the vectors to a navigable small world graph for approximate search (Malkov and Yashunin 2018).

    arXiv 1603.09320. The graph is built on one thread, so the same vectors give the same graph; equal vectors are
    stored once. The engine draws the levels from its own fixed seed.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""
    M: int = Field(default=16, ge=2)
    """The number of links per vector."""
    efConstruction: int = Field(default=200, ge=1)  # noqa: N815  the paper's name
    """The beam width while the graph is built."""
    engine: Engine = "faiss"
    """The library that builds and searches the graph."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call builds the graph.

        Raises MissingLibrary if the engine is not installed, and UserError if a vector is not finite.
        """

        def index(vectors: Vectors) -> Index:
            array = document_vectors(self.word(), vectors, self.similarity)
            groups = distinct(array)
            graph = self._faiss(groups.vectors) if self.engine == "faiss" else self._usearch(groups.vectors)
            arrays = {ENGINE: graph, "starts": groups.starts, "members": groups.members}
            facts = {"similarity": self.similarity, "engine": self.engine, "M": self.M}
            return Index(arrays, facts | {"dimensions": array.shape[1], "distinct": len(groups.vectors)})

        return index

    def _faiss(self, vectors: np.ndarray) -> np.ndarray:
        faiss = import_faiss(f"'{self.word()}'")
        graph = faiss.IndexHNSWFlat(vectors.shape[1], self.M, metric(faiss, self.similarity))
        graph.hnsw.efConstruction = self.efConstruction
        with one_thread():
            graph.add(vectors)
        serialized: np.ndarray = faiss.serialize_index(graph)
        return serialized

    def _usearch(self, vectors: np.ndarray) -> np.ndarray:
        graph = usearch(self.word(), vectors.shape[1], self.similarity, self.M, self.efConstruction)
        if len(vectors):
            graph.add(np.arange(len(vectors)), vectors, threads=1)
        return np.frombuffer(graph.save(), np.uint8)


class HnswSearcher(Searcher):
    """Walks the graph with a beam and ranks the candidates by exact scores.

    Up to `efSearch` the beam does not depend on the depth, and neither do the top results.
    """

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    efSearch: int = Field(default=64, ge=1)  # noqa: N815  the paper's name
    """The beam width of a search, or `depth` if that is larger."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Load the graph into memory (usearch maps it); the call searches with Vectors, always on the CPU."""
        facts, arrays = index.facts, index.arrays
        similarity, width = facts["similarity"], facts["dimensions"]
        beam = min(max(self.efSearch, self.depth), facts["distinct"])
        if facts["engine"] == "faiss":
            find, fetch = faiss_graph(self.word(), index, beam)
        else:
            find, fetch = usearch_graph(self.word(), index, beam, runtime.threads)
        found = Distinct(np.empty((0, width)), np.asarray(arrays["starts"]), np.asarray(arrays["members"]))
        place = np.empty(len(found.members), np.int64)
        place[found.members] = np.repeat(np.arange(facts["distinct"]), np.diff(found.starts))
        by_document = stored_documents(lambda rows: fetch(place[rows]), len(place), width, similarity)

        def answer(queries: np.ndarray, rows: range) -> Run:
            pool = expand_duplicates(find(queries, beam), found, self.depth)
            return rank(by_document, queries, pool, self.depth, rows)

        def search(queries: Vectors) -> Run:
            return search_in_blocks(query_vectors(self.word(), queries, width, similarity), queries.rows, beam, answer)

        return search


Fetch = Callable[[np.ndarray], np.ndarray]


def faiss_graph(word: str, index: Index, beam: int) -> tuple[FindCandidates, Fetch]:
    """Open a graph of faiss; return its search, and the function that returns stored vectors by their numbers."""
    faiss, graph = import_faiss(f"'{word}'"), open_index(word, index)
    parameters = faiss.SearchParametersHNSW(efSearch=beam)

    def find(queries: np.ndarray, count: int) -> Candidates:
        distances, documents = graph.search(queries, count, params=parameters)
        return as_candidates(distances, documents, index.facts["similarity"])

    return find, graph.reconstruct_batch


def usearch_graph(word: str, index: Index, beam: int, threads: int) -> tuple[FindCandidates, Fetch]:
    """Open a memory-mapped graph of usearch; return the same two functions as `faiss_graph`."""
    facts = index.facts
    graph = usearch(word, facts["dimensions"], facts["similarity"], facts["M"], beam=beam)
    graph.view(np.asarray(index.arrays[ENGINE]))

    def find(queries: np.ndarray, count: int) -> Candidates:
        matches: Any = graph.search(queries, count, threads=threads)
        keys, distances = np.atleast_2d(matches.keys).astype(np.int64), np.atleast_2d(matches.distances)
        counts: Any = getattr(matches, "counts", keys.shape[1])  # absent for a single query
        keys[np.arange(keys.shape[1]) >= np.reshape(counts, (-1, 1))] = NONE
        return as_candidates(distances, keys, "euclidean")  # usearch returns distances for every similarity

    return find, lambda rows: np.vstack(graph.get(rows))


def usearch(word: str, dimensions: int, similarity: Similarity, M: int, building: int = 0, beam: int = 0) -> Any:  # noqa: N803
    """Return an empty graph of usearch. Raises MissingLibrary if usearch is not installed."""
    try:
        from usearch.index import Index as Graph
    except ImportError:
        raise MissingLibrary("usearch", "usearch", f"'{word}' with engine: usearch") from None
    kind = "l2sq" if similarity == "euclidean" else "ip"
    return Graph(
        ndim=dimensions, metric=kind, dtype="f32", connectivity=M, expansion_add=building, expansion_search=beam
    )
