"""An index of unchanged vectors."""

from collections.abc import Callable

from harness.artifacts.index import Index
from harness.artifacts.vectors import Vectors
from harness.stage import Indexer, Runtime


class ManhattanIndexer(Indexer):
    """Keeps all vectors, for an exact search by Manhattan distance."""

    takes = (Vectors,)

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        return lambda vectors: Index({"vectors": vectors.array}, {})
