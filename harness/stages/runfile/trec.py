"""Reading a TREC run file as a run of a data set."""

from __future__ import annotations

from collections.abc import Callable

from harness.artifacts.run import Run
from harness.artifacts.run_lines import RunLines
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError
from harness.stage import RunReader, Runtime


class TrecRun(RunReader):
    """Reads a TREC run file and keeps the best `depth` documents of each query, in canonical order.

    The order is that of the scores; the ranks in the file are ignored. Documents that are not in the corpus are left
    out, and the documents below them move up; the results record how many there were.
    """

    def open(self, runtime: Runtime, lines: RunLines, corpus: Corpus) -> Callable[[Queries], Run]:
        """The call returns the run of Queries.

        Raises DataError if no document of the file is in the corpus.
        """
        if not lines.known(corpus).any():
            example = lines.documents[0].as_py()
            raise DataError(
                f"none of the documents in the run file, such as {example!r}, is in the corpus: do the ids have the "
                "same form in both?"
            )

        def read(queries: Queries) -> Run:
            return lines.run(queries, corpus, self.depth)

        return read
