"""Pieces at the coarsest separator that makes them small: paragraphs, else lines, else words, else characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import field_validator

from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.stage import Runtime
from harness.stages.chunk.base import SizedChunker, trimmed, windows


class Recursive(SizedChunker):
    """The rule of LangChain's RecursiveCharacterTextSplitter; `size` and `overlap` count characters.

    A text is parted at the first of the `separators`; what is still too long at the next, and so on. A separator stays
    with what it ends. Then neighbours are joined as long as they fit; here that is done once, over pieces of all
    depths, so that borders may differ from LangChain's, which joins them at each depth apart.
    """

    size: int = 1000
    separators: tuple[str, ...] = ("\n\n", "\n", " ", "")
    """From the coarsest to the finest; "" parts every `size` characters, and without it a piece may be longer."""

    @field_validator("separators")
    @classmethod
    def _some(cls, separators: tuple[str, ...]) -> tuple[str, ...]:
        if not separators or "" in separators[:-1]:
            raise ValueError('separators are one at least, and "", which parts anything, is the last')
        return separators

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call cuts a Corpus."""

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            found = list(pieces(text, 0, len(text), self.size, self.separators))
            for first, end in windows([stop - start for start, stop in found], self.size, self.overlap):
                inside = trimmed(text, found[first][0], found[end - 1][1])
                if inside[0] < inside[1]:
                    yield inside

        return lambda corpus: Passages.cut(corpus, ranges)


def pieces(text: str, start: int, end: int, size: int, separators: Sequence[str]) -> Iterator[tuple[int, int]]:
    r"""Give ranges that lie end to end from `start` to `end`, none longer than `size` that a separator could part.

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
        found = text.find(separator, start, end)
        stop = end if found < 0 else found + len(separator)
        yield from pieces(text, start, stop, size, finer)
        start = stop
