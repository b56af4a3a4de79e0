"""An inverted file of product codes: a document is `m` codes of `nbits` bits; indexer and searcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.search.faiss_index import build, search_lists
from harness.search.similarity import Similarity
from harness.stage import Indexer, Runtime, Searcher


class IvfpqIndexer(Indexer):
    """Jégou, Douze and Schmid 2011, "Product Quantization for Nearest Neighbor Search", by faiss.

    A list holds what its vectors differ by from its centroid, cut into `m` parts, each replaced by the nearest of
    2^`nbits` centroids of its own. All centroids are learned by k-means from `seed`.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    nlist: int = Field(default=64, ge=1)
    m: int = Field(default=8, ge=1)
    nbits: int = Field(default=8, ge=1, le=16)
    seed: int = Field(default=0, ge=0)

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call learns all centroids; UserError where `m` does not divide the dimensions or vectors are too few."""

        def make(faiss: Any, dimensions: int, metric: int) -> Any:
            if dimensions % self.m:
                raise UserError(f"{self.word()}: m: {self.m} does not divide the {dimensions} dimensions")
            quantizer = faiss.IndexFlat(dimensions, metric)
            lists = faiss.IndexIVFPQ(quantizer, dimensions, self.nlist, self.m, self.nbits, metric)
            for learned in (lists.cp, lists.pq.cp):
                learned.seed, learned.min_points_per_centroid = self.seed, 1
            quantizer.this.disown()
            lists.own_fields = True
            return lists

        least = max(self.nlist, 2**self.nbits)
        return lambda vectors: build(self.word(), vectors, self.similarity, make, least)


class IvfpqSearcher(Searcher):
    """Rank all documents of the `nprobe` nearest lists by what their codes stand for; equal codes tie."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    nprobe: int = Field(default=8, ge=1)

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Read the lists into memory; the call answers Vectors. MissingLibrary on a GPU without faiss for GPUs."""
        return search_lists(self.word(), self.depth, self.nprobe, index, runtime.device, runtime.threads)
