"""Passages: parts of documents, with their document and their position in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_numpy
from harness.artifacts.text import SCHEMA, Corpus

BATCH = 256
"""The number of documents that are held as Python strings at a time."""
Ranges = Iterable[tuple[int, int]]
"""The positions of parts of a text in characters, each [start, end)."""


class Passages(Corpus):
    """A corpus of passages. `id` is the id of the document and a number (`d7#00003`), so that rows ascend by id.

    `parent` is the row of the document in the corpus that was chunked. `start` and `end` count characters (Unicode code
    points) of its text, so that `text == document[start:end]`.
    """

    file = "passages.arrow"
    schema: ClassVar[pa.Schema] = pa.schema(
        [*SCHEMA, ("parent", pa.int32()), ("start", pa.int64()), ("end", pa.int64())]
    )

    @classmethod
    def cut(cls, corpus: Corpus, ranges: Callable[[str], Ranges]) -> Self:
        """Split every document at the positions that `ranges` returns, a few documents at a time.

        If it returns none, the whole document is one passage, so every document has at least one passage.
        """
        return cls.of(_passages(corpus, ranges))

    @property
    def parents(self) -> np.ndarray:
        """The row of each passage's document, int32[passages]."""
        return to_numpy(self.table["parent"])

    @property
    def starts(self) -> np.ndarray:
        """The start of each passage in its document, int64[passages]."""
        return to_numpy(self.table["start"])

    @property
    def ends(self) -> np.ndarray:
        """The end of each passage in its document, int64[passages]."""
        return to_numpy(self.table["end"])

    @property
    def parent_ids(self) -> pa.ChunkedArray:
        """The id of each passage's document."""
        return pc.replace_substring_regex(self.table["id"], "#[0-9]+$", "")


def _passages(corpus: Corpus, ranges: Callable[[str], Ranges]) -> Iterator[tuple[str, str, int, int, int]]:
    row = corpus.rows.start
    for batch in corpus.table.select(["id", "text"]).to_batches(max_chunksize=BATCH):
        for key, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            for number, (start, end) in enumerate(list(ranges(text)) or [(0, len(text))]):
                yield f"{key}#{number:05}", text[start:end], row, start, end
            row += 1
