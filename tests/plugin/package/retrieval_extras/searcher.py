"""The search by Manhattan distance."""

from collections.abc import Callable

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.stage import Runtime, Searcher


class ManhattanSearcher(Searcher):
    """Ranks documents by Manhattan distance, the nearest first."""

    takes = (Vectors,)

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        from scipy.spatial.distance import cdist

        def search(queries: Vectors) -> Run:
            distances = cdist(queries.array, index.arrays["vectors"], "cityblock")
            return Run.top(-distances, self.depth, rows=queries.rows)

        return search
