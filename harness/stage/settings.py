"""Settings that a plan reads from stages of several roles, as types."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class HasDepth(Protocol):
    """A stage with a `depth`: how many documents per query it returns, or reorders if it is a reranker."""

    @property
    def depth(self) -> int:
        """The number of documents."""


@runtime_checkable
class HasWeights(Protocol):
    """A fusion with `weights`: one per system, in the order of `of`, or None for equal weights."""

    @property
    def weights(self) -> tuple[float, ...] | None:
        """The weights."""


@runtime_checkable
class HasSimilarity(Protocol):
    """An index over vectors with the `similarity` by which they are compared."""

    @property
    def similarity(self) -> str:
        """The name of the similarity."""


@runtime_checkable
class HasModel(Protocol):
    """A stage with a setting `model`: the model of an endpoint, or None if the suite's own model is used."""

    @property
    def model(self) -> str | None:
        """The model, as the endpoint calls it."""
