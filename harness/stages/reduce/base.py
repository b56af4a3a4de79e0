"""What the reducers share that give documents codes: whether queries get them too, and vectors that have none."""

from __future__ import annotations

from typing import Self

import numpy as np

from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.stage import Reducer
from harness.stage.base import Side


class QuantisingReducer(Reducer):
    """Documents' vectors to codes, and queries' vectors too where the suite says so."""

    queries: str
    """What meets the documents' codes: "float32" for queries as they are, or the word for their codes."""

    def on(self, side: Side) -> Self:
        """Name the documents' codes alike, whatever meets them."""
        return self.model_copy(update={"queries": "float32"}) if side == "document" else self

    @property
    def of_queries(self) -> bool:
        """Whether queries become codes."""
        return self.queries != "float32"

    def refuse_infinite(self, vectors: Vectors) -> None:
        """Raise UserError if a coordinate is not finite."""
        if not np.isfinite(vectors.array).all():
            raise UserError(f"{self.word()}: a vector is not finite")
