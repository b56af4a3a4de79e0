"""Approximate nearest neighbour search in an inverted file of product codes: indexer and searcher.

`harness.search.faiss_index` builds the index (`build`) and searches it (`search_lists`), on CPU or GPU.
`harness.search.approximate` checks the vectors and resolves ties at the boundary. The file format of an index is in
`harness.artifacts.index`.
"""

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
    """Compresses the vectors in the lists of `ivf` to product codes (Jégou, Douze and Schmid 2011).

    "Product Quantization for Nearest Neighbor Search", as implemented by faiss. The difference between a vector and the
    centroid of its list is split into `m` parts, and each part is replaced by the nearest of 2^`nbits` centroids of its
    own. All centroids are trained by k-means.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""
    nlist: int = Field(default=64, ge=1)
    """The number of lists."""
    m: int = Field(default=8, ge=1)
    """The number of codes per vector; it must divide the dimensions."""
    nbits: int = Field(default=8, ge=1, le=16)
    """The number of bits per code."""
    seed: int = Field(default=0, ge=0)
    """The seed of k-means."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call trains the centroids and encodes the vectors.

        Raises UserError if `m` does not divide the dimensions, or if there are too few vectors to train on.
        """

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
    """Ranks all documents of the nearest lists by their decoded vectors; equal codes tie."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    nprobe: int = Field(default=8, ge=1)
    """The number of lists that a query scans."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Load the lists into memory; the call searches with Vectors.

        Raises MissingLibrary on a GPU if faiss for GPUs is not installed.
        """
        return search_lists(self.word(), self.depth, self.nprobe, index, runtime.device, runtime.threads)
