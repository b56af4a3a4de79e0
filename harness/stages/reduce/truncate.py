"""Truncation of vectors to their first dimensions, for models trained with Matryoshka representation learning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.stage import Reducer, Runtime


class Truncate(Reducer):
    """Keeps the first `dim` dimensions of each vector, for Matryoshka models (Kusupati et al. 2022).

    arXiv 2205.13147. The vectors are not scaled to length 1 again; `index: flat` with `similarity: cosine` does that.
    """

    dim: int = Field(ge=1)
    """The number of dimensions to keep."""

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], Vectors]:
        """The call truncates Vectors; it raises UserError if they have fewer than `dim` dimensions."""

        def truncate(vectors: Vectors) -> Vectors:
            width = vectors.array.shape[1]
            if self.dim > width:
                raise UserError(f"{self.word()}: the vectors have {width} dimensions, fewer than dim: {self.dim}")
            return Vectors(np.ascontiguousarray(vectors.array[:, : self.dim], dtype=np.float32), vectors.rows)

        return truncate
