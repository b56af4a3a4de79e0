"""A run of another system enters: its lines meet the rows of the data set."""

from __future__ import annotations

from collections.abc import Callable

from harness.artifacts.run import Run
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError
from harness.stage import RunReader, Runtime


class TrecRun(RunReader):
    """Keep the `depth` best documents of each query, in canonical order, whatever the file's column of ranks says.

    Documents that the corpus does not hold are left out, and what stands below them moves up: the record counts them.
    """

    def open(self, runtime: Runtime, lines: RunLines, corpus: Corpus) -> Callable[[Queries], Run]:
        """The call gives the run of Queries. DataError where the corpus holds no document of the file at all."""
        if not lines.known(corpus).any():
            some = lines.documents[0].as_py()
            raise DataError(f"the corpus holds no document of the run file, as {some!r}: are the ids written alike?")

        def read(queries: Queries) -> Run:
            return lines.run(queries, corpus, self.depth)

        return read
