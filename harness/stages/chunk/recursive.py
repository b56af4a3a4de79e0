"""Splitting at the coarsest separator that makes the pieces small enough: paragraphs, lines, words or characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import field_validator

from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.stage import Runtime
from harness.stages.chunk.base import SizedChunker, trimmed, windows


class Recursive(SizedChunker):
    """Splits at paragraphs, else lines, else words, into passages of at most `size` characters.

    It follows LangChain's RecursiveCharacterTextSplitter: a text is split at the first of the `separators`, pieces that
    are still too long at the next one, and so on. A separator belongs to the piece that it ends. Neighbouring pieces
    are then merged as long as they fit. That is done once, across all separators, so boundaries may differ from those
    of LangChain, which merges at each separator separately.
    """

    size: int = 1000
    """The maximum size of a passage in characters; see `separators` for the exception."""
    separators: tuple[str, ...] = ("\n\n", "\n", " ", "")
    """The separators, coarsest first; "" splits after every `size` characters, and without it a piece may be longer."""

    @field_validator("separators")
    @classmethod
    def _check_separators(cls, separators: tuple[str, ...]) -> tuple[str, ...]:
        if not separators or "" in separators[:-1]:
            raise ValueError('separators must not be empty, and "", which splits anything, must be the last')
        return separators

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call splits a Corpus."""

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            parts = list(pieces(text, 0, len(text), self.size, self.separators))
            for first, end in windows([stop - start for start, stop in parts], self.size, self.overlap):
                passage = trimmed(text, parts[first][0], parts[end - 1][1])
                if passage[0] < passage[1]:
                    yield passage

        return lambda corpus: Passages.cut(corpus, ranges)


def pieces(text: str, start: int, end: int, size: int, separators: Sequence[str]) -> Iterator[tuple[int, int]]:
    r"""Yield adjacent ranges from `start` to `end`; one is longer than `size` only if no separator can split it.

    >>> text = "ab cd\n\nefghi"
    >>> [text[a:b] for a, b in pieces(text, 0, len(text), 4, ("\n\n", " ", ""))]
    ['ab ', 'cd\n\n', 'efgh', 'i']
    """
    if end - start <= size or not separators:
        if start < end:
            yield start, end
        return
    separator, finer = separators[0], separators[1:]
    if not separator:
        yield from ((place, min(place + size, end)) for place in range(start, end, size))
        return
    while start < end:
        place = text.find(separator, start, end)
        stop = end if place < 0 else place + len(separator)
        yield from pieces(text, start, stop, size, finer)
        start = stop
