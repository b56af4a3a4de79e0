"""Passages: parts of documents that know which document they come from, and from where to where they reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.artifacts.arrow import to_numpy
from harness.artifacts.text import SCHEMA, Corpus

BATCH = 256
"""Documents that are held as Python texts at a time."""
Ranges = Iterable[tuple[int, int]]
"""Where parts of a text begin and end, in characters: [start, end)."""


class Passages(Corpus):
    """A corpus of passages. `id` is the document's with a number behind it (`d7#00003`), so that rows ascend by id.

    `parent` is the row of the document in the corpus that was cut, `start` and `end` are characters (Unicode code
    points) of its text: `text == document[start:end]`.
    """

    file = "passages.arrow"
    schema: ClassVar[pa.Schema] = pa.schema(
        [*SCHEMA, ("parent", pa.int32()), ("start", pa.int64()), ("end", pa.int64())]
    )

    @classmethod
    def cut(cls, corpus: Corpus, ranges: Callable[[str], Ranges]) -> Self:
        """Cut every document where `ranges` says, a few documents at a time.

        A document in which nothing is found stays whole: each has a passage at least.
        """
        return cls.of(_passages(corpus, ranges))

    @property
    def parents(self) -> np.ndarray:
        """The row of each passage's document, int32[passages]."""
        return to_numpy(self.table["parent"])

    @property
    def starts(self) -> np.ndarray:
        """Where each begins in its document, int64[passages]."""
        return to_numpy(self.table["start"])

    @property
    def ends(self) -> np.ndarray:
        """Where each ends, int64[passages]."""
        return to_numpy(self.table["end"])

    @property
    def parent_ids(self) -> pa.ChunkedArray:
        """The id of each passage's document."""
        return pc.replace_substring_regex(self.table["id"], "#[0-9]+$", "")


def _passages(corpus: Corpus, ranges: Callable[[str], Ranges]) -> Iterator[tuple[str, str, int, int, int]]:
    row = corpus.rows.start
    for batch in corpus.table.select(["id", "text"]).to_batches(max_chunksize=BATCH):
        for key, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            found = list(ranges(text)) or [(0, len(text))]
            for number, (start, end) in enumerate(found):
                yield f"{key}#{number:05}", text[start:end], row, start, end
            row += 1
