"""Approximate nearest neighbours in an inverted file: only the lists near the query are read; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.search.faiss_index import build, search_lists
from harness.search.similarity import Similarity
from harness.stage import Indexer, Runtime, Searcher


class IvfIndexer(Indexer):
    """Sivic and Zisserman 2003, by faiss: k-means from `seed` parts the vectors into `nlist` lists."""

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    nlist: int = Field(default=64, ge=1)
    seed: int = Field(default=0, ge=0)

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call learns the lists and fills them; UserError for fewer vectors than lists."""

        def make(faiss: Any, dimensions: int, metric: int) -> Any:
            quantizer = faiss.IndexFlat(dimensions, metric)
            lists = faiss.IndexIVFFlat(quantizer, dimensions, self.nlist, metric)
            lists.cp.seed, lists.cp.min_points_per_centroid = self.seed, 1
            quantizer.this.disown()
            lists.own_fields = True
            return lists

        return lambda vectors: build(self.word(), vectors, self.similarity, make, self.nlist)


class IvfSearcher(Searcher):
    """Rank exactly all documents of the `nprobe` lists whose centroids are nearest to the query, and no others."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    nprobe: int = Field(default=8, ge=1)

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Read the lists into memory; the call answers Vectors. MissingLibrary on a GPU without faiss for GPUs."""
        return search_lists(self.word(), self.depth, self.nprobe, index, runtime.device, runtime.threads)
