"""Quantisation to one bit per coordinate, one thirty-second of the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from harness.artifacts.vectors import BitVectors, Vectors
from harness.errors import UserError
from harness.stage import Runtime
from harness.stages.reduce.base import QuantisingReducer


class Binary(QuantisingReducer):
    """Keeps only the sign of each coordinate, one bit per dimension.

    The sign is +1 above 0 and -1 otherwise. Eight bits are packed into a byte, as by sentence-transformers'
    `quantize_embeddings` with precision `ubinary`. Float32 queries are compared with bits as in the second step of
    Yamada et al. 2021, arXiv 2106.00882; bits on both sides rank by Hamming distance.
    """

    gives: ClassVar = BitVectors
    queries: Literal["float32", "bits"] = "float32"
    """The form of the queries' vectors: unchanged, or bits too."""

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], BitVectors]:
        """The call packs Vectors.

        It raises UserError if the dimensions are not a multiple of 8, or if a vector is not finite.
        """

        def reduce(vectors: Vectors) -> BitVectors:
            if vectors.dimensions % 8:
                raise UserError(f"{self.word()}: the vectors have {vectors.dimensions} dimensions, not a multiple of 8")
            self.refuse_infinite(vectors)
            return BitVectors(np.packbits(vectors.array > 0, axis=1), vectors.rows)

        return reduce
