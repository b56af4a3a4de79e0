"""Vectors of hashed words, which need no weights, for tests of everything around an encoder."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import ClassVar
from zlib import crc32

import numpy as np
from pydantic import Field

from harness.artifacts.model import Model
from harness.artifacts.text import Texts
from harness.artifacts.vectors import Vectors
from harness.stage import Encoder, Runtime

WORD = re.compile(r"\w+")


class HashingEncoder(Encoder):
    """Adds 1 or -1 in a dimension for each word, chosen by its hash (Weinberger et al. 2009); needs no model.

    arXiv 0902.2206. The hash is the CRC-32 of the word in UTF-8, so it is the same in every process. Vectors have
    length 1, except that a text without words has the zero vector.
    """

    uses_model: ClassVar[bool] = False
    chunk_rows: ClassVar[int] = 8192
    dim: int = Field(default=256, ge=1)
    """The number of dimensions."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """The call hashes Corpus or Queries."""
        places = _Places()

        def encode(texts: Texts) -> Vectors:
            hashed, ends = array("L"), array("q", [0])
            for text in texts.texts:
                hashed.extend(map(places.__getitem__, WORD.findall(text.lower())))
                ends.append(len(hashed))
            codes = np.array(hashed, dtype=np.int64)
            rows = np.repeat(np.arange(len(texts), dtype=np.int64), np.diff(ends))
            cells, signs = rows * self.dim + (codes >> 1) % self.dim, 1 - 2 * (codes & 1)
            counts = np.bincount(cells, weights=signs, minlength=len(texts) * self.dim).reshape(len(texts), self.dim)
            lengths = np.sqrt((counts * counts).sum(axis=1, keepdims=True))
            return Vectors((counts / np.maximum(lengths, 1)).astype(np.float32), texts.rows)

        return encode


class _Places(dict[str, int]):
    """A cache of the hashes of words."""

    def __missing__(self, word: str) -> int:
        self[word] = code = crc32(word.encode())
        return code
