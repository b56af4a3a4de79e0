"""The base class of reducers that quantise: whether queries are quantised too, and the check for finite vectors."""

from __future__ import annotations

from typing import Self

import numpy as np

from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.stage import Reducer
from harness.stage.base import Side


class QuantisingReducer(Reducer):
    """Quantises the vectors of documents, and optionally those of queries."""

    queries: str
    """The form of the queries' vectors: "float32" leaves them unchanged, any other value quantises them."""

    def on(self, side: Side) -> Self:
        """Return the stage for one side; the fingerprint of the documents' codes does not depend on `queries`."""
        return self.model_copy(update={"queries": "float32"}) if side == "document" else self

    @property
    def of_queries(self) -> bool:
        """Whether the vectors of queries are quantised."""
        return self.queries != "float32"

    def refuse_infinite(self, vectors: Vectors) -> None:
        """Raise UserError if a coordinate is not finite."""
        if not np.isfinite(vectors.array).all():
            raise UserError(f"{self.word()}: a vector is not finite")
