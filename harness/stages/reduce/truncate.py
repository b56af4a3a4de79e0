"""Keep the first dimensions of a vector: for models trained so that these say the most (MRL)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field

from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.stage import Reducer, Runtime


class Truncate(Reducer):
    """Matryoshka representation learning, Kusupati et al. 2022, arXiv 2205.13147.

    The vectors are not brought to length 1 again: `index: flat` with `similarity: cosine` does that.
    """

    dim: int = Field(ge=1)

    def open(self, runtime: Runtime, documents: Vectors | None = None) -> Callable[[Vectors], Vectors]:
        """The call cuts Vectors; UserError if they have fewer dimensions than asked for."""

        def truncate(vectors: Vectors) -> Vectors:
            width = vectors.array.shape[1]
            if self.dim > width:
                raise UserError(f"{self.word()}: the vectors have {width} dimensions, fewer than dim: {self.dim}")
            return Vectors(np.ascontiguousarray(vectors.array[:, : self.dim], dtype=np.float32), vectors.rows)

        return truncate
