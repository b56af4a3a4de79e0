"""What the chunkers share: pieces in a row, gathered to passages of a size, with an overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field, model_validator

from harness.stage import Chunker


class SizedChunker(Chunker):
    """A chunker whose passages have a greatest size and may overlap; the unit is the chunker's own."""

    size: int = Field(ge=1)
    """The largest a passage may be; one piece that is larger stays whole."""
    overlap: int = Field(default=0, ge=0)
    """How much of a passage the next one repeats, at most."""

    @model_validator(mode="after")
    def _moves_on(self) -> SizedChunker:
        if self.overlap >= self.size:
            raise ValueError(f"overlap: {self.overlap} must be less than size: {self.size}")
        return self


def windows(weights: Sequence[int], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Give the first piece of each passage and the one after its last: as many as fit into `size`, one at least.

    Each goes on where the last one ended, less the pieces that weigh `overlap` at most and leave room for a new one.

    >>> list(windows([1, 1, 1, 1, 1], 3, 1))
    [(0, 3), (2, 5)]
    >>> list(windows([2, 9, 2, 1], 5, 1))
    [(0, 1), (1, 2), (2, 4)]
    """
    first, end, held = 0, 0, 0
    while end < len(weights):
        held += weights[end]
        end += 1
        while end < len(weights) and held + weights[end] <= size:
            held += weights[end]
            end += 1
        yield first, end
        if end == len(weights):
            return
        first, held = end, 0
        while held + weights[first - 1] <= min(overlap, size - weights[end]):
            first -= 1
            held += weights[first]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Draw a range in to where no white space stands at its ends.

    >>> trimmed("a bc ", 1, 5)
    (2, 4)
    """
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip())
