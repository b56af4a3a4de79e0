"""A bit a coordinate: a thirty-second of the memory; rescore what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from harness.artifacts.vectors import BitVectors, Vectors
from harness.errors import UserError
from harness.stage import Runtime
from harness.stages.reduce.base import QuantisingReducer


class Binary(QuantisingReducer):
    """Keep the sign of each coordinate: +1 where it is above 0, else -1.

    Eight of them stand in a byte, as sentence-transformers' `quantize_embeddings` packs them (precision `ubinary`).
    Float32 queries meet bits as in the second step of Yamada et al. 2021, arXiv 2106.00882; with bits on both sides the
    order is that of the Hamming distance.
    """

    gives: ClassVar = BitVectors
    queries: Literal["float32", "bits"] = "float32"
    """What meets the documents' bits: queries as they are, or their bits."""

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], BitVectors]:
        """The call packs Vectors; UserError if their dimensions do not fill bytes, or one is not finite."""

        def reduce(vectors: Vectors) -> BitVectors:
            if vectors.dimensions % 8:
                raise UserError(f"{self.word()}: the vectors have {vectors.dimensions} dimensions, not a multiple of 8")
            self.refuse_infinite(vectors)
            return BitVectors(np.packbits(vectors.array > 0, axis=1), vectors.rows)

        return reduce
