"""The base class of chunkers, and the merging of pieces into passages of a maximum size with an overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field, model_validator

from harness.stage import Chunker


class SizedChunker(Chunker):
    """A chunker whose passages have a maximum size and may overlap; each chunker defines the unit."""

    size: int = Field(ge=1)
    """The maximum size of a passage; a single piece that is larger is kept whole."""
    overlap: int = Field(default=0, ge=0)
    """The maximum overlap of neighbouring passages, in whole pieces."""

    @model_validator(mode="after")
    def _moves_on(self) -> SizedChunker:
        if self.overlap >= self.size:
            raise ValueError(f"overlap: {self.overlap} must be less than size: {self.size}")
        return self


def windows(weights: Sequence[int], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield the pieces [first, end) of each passage: as many as weigh at most `size` together, but at least one.

    A passage starts where the previous one ended, minus the trailing pieces whose total weight is `overlap` at most and
    that leave room for a new piece.

    >>> list(windows([1, 1, 1, 1, 1], 3, 1))
    [(0, 3), (2, 5)]
    >>> list(windows([2, 9, 2, 1], 5, 1))
    [(0, 1), (1, 2), (2, 4)]
    """
    first, end, weight = 0, 0, 0
    while end < len(weights):
        weight += weights[end]
        end += 1
        while end < len(weights) and weight + weights[end] <= size:
            weight += weights[end]
            end += 1
        yield first, end
        if end == len(weights):
            return
        first, weight = end, 0
        while weight + weights[first - 1] <= min(overlap, size - weights[end]):
            first -= 1
            weight += weights[first]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range `text[start:end]` without white space at its ends.

    >>> trimmed("a bc ", 1, 5)
    (2, 4)
    """
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip())
