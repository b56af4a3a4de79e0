"""Approximate nearest neighbour search in an inverted file, which scans only the lists near a query.

`harness.search.faiss_index` builds the index (`build`) and searches it (`search_lists`), on CPU or GPU.
`harness.search.approximate` checks the vectors and resolves ties at the boundary; `harness.search.exact` and
`similarity` compute the exact scores of the candidates. The file format of an index is in `harness.artifacts.index`.
"""

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
    """Splits the vectors into lists by k-means, of which a search scans the nearest (Sivic and Zisserman 2003).

    The implementation is faiss's IndexIVFFlat.
    """

    takes: ClassVar = (Vectors,)
    exact: ClassVar[bool] = False
    similarity: Similarity = "cosine"
    """The similarity of vectors: `cosine`, `dot`, or `euclidean`, whose score is the negative distance."""
    nlist: int = Field(default=64, ge=1)
    """The number of lists."""
    seed: int = Field(default=0, ge=0)
    """The seed of k-means."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """The call trains and fills the lists. Raises UserError if there are fewer vectors than lists."""

        def make(faiss: Any, dimensions: int, metric: int) -> Any:
            quantizer = faiss.IndexFlat(dimensions, metric)
            lists = faiss.IndexIVFFlat(quantizer, dimensions, self.nlist, metric)
            lists.cp.seed, lists.cp.min_points_per_centroid = self.seed, 1
            quantizer.this.disown()
            lists.own_fields = True
            return lists

        return lambda vectors: build(self.word(), vectors, self.similarity, make, self.nlist)


class IvfSearcher(Searcher):
    """Ranks all documents of the lists whose centroids are nearest to the query, by exact scores."""

    takes: ClassVar = (Vectors,)
    releases_gil: ClassVar[bool] = True
    nprobe: int = Field(default=8, ge=1)
    """The number of lists that a query scans."""

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Load the lists into memory; the call searches with Vectors.

        Raises MissingLibrary on a GPU if faiss for GPUs is not installed.
        """
        return search_lists(self.word(), self.depth, self.nprobe, index, runtime.device, runtime.threads)
