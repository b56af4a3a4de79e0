"""An index of vectors as they are."""

from collections.abc import Callable

from harness.artifacts.index import Index
from harness.artifacts.vectors import Vectors
from harness.stage import Indexer, Runtime


class ManhattanIndexer(Indexer):
    """Keep the vectors for a search by Manhattan distance."""

    takes = (Vectors,)

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        return lambda vectors: Index({"vectors": vectors.array}, {})
