"""A byte a coordinate: a quarter of the memory, at a loss that is hardly seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from harness.artifacts.vectors import Int8Vectors, Vectors
from harness.errors import UserError
from harness.stage import Runtime
from harness.stages.reduce.base import QuantisingReducer

TOP = 127
"""The greatest code; -128 is not used, so that a vector and its negative have codes of one size."""


class Int8(QuantisingReducer):
    """Symmetric scalar quantisation: x becomes round(127 x / m), m the greatest absolute coordinate of all documents.

    One step for all dimensions (Jacob et al. 2018, arXiv 1712.05877, with zero point 0), so that a dot product of codes
    is proportional to that of the vectors; with a step for each dimension it would not be.
    """

    gives: ClassVar = Int8Vectors
    fitted: ClassVar = True
    queries: Literal["float32", "int8"] = "float32"
    """What meets the documents' codes: queries as they are, or their codes with the documents' step, cut at 127."""

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], Int8Vectors]:
        """Find the step; the call rounds Vectors to codes. UserError if a document's vector is not finite."""
        assert documents is not None  # noqa: S101  it is fitted
        largest = np.float32(max(documents.array.max(initial=0), -documents.array.min(initial=0)))
        if not np.isfinite(largest):
            raise UserError(f"{self.word()}: the vector of a document is not finite")
        scale = TOP / float(largest) if largest else 0.0

        def reduce(vectors: Vectors) -> Int8Vectors:
            self.refuse_infinite(vectors)
            codes = np.rint(vectors.array.astype(np.float64) * scale).clip(-TOP, TOP)
            return Int8Vectors(codes.astype(np.int8), vectors.rows)

        return reduce
