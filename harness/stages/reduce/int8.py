"""Quantisation to one byte per coordinate, a quarter of the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from harness.artifacts.vectors import Int8Vectors, Vectors
from harness.errors import UserError
from harness.stage import Runtime
from harness.stages.reduce.base import QuantisingReducer

TOP = 127
"""The largest code; -128 is not used, so that negating a vector negates its codes."""


class Int8(QuantisingReducer):
    """Rounds each coordinate to one signed byte, with one step for all dimensions.

    Symmetric scalar quantisation: x becomes round(127 x / m), where m is the largest absolute coordinate of all
    documents (Jacob et al. 2018, arXiv 1712.05877, with zero point 0). Because the step is the same for all dimensions,
    a dot product of codes is proportional to that of the vectors.
    """

    gives: ClassVar = Int8Vectors
    fitted: ClassVar = True
    queries: Literal["float32", "int8"] = "float32"
    """The form of the queries' vectors: unchanged, or codes with the documents' step, clipped at 127."""

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], Int8Vectors]:
        """Determine the step; the call rounds Vectors to codes. Raises UserError if a vector is not finite."""
        assert documents is not None  # noqa: S101  the stage is `fitted`
        largest = np.float32(max(documents.array.max(initial=0), -documents.array.min(initial=0)))
        if not np.isfinite(largest):
            raise UserError(f"{self.word()}: the vector of a document is not finite")
        scale = TOP / float(largest) if largest else 0.0

        def reduce(vectors: Vectors) -> Int8Vectors:
            self.refuse_infinite(vectors)
            codes = np.rint(vectors.array.astype(np.float64) * scale).clip(-TOP, TOP)
            return Int8Vectors(codes.astype(np.int8), vectors.rows)

        return reduce
