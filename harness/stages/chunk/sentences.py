"""Splitting into whole sentences, a number of sentences or of words per passage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.text import Corpus
from harness.stage import Runtime
from harness.stages.chunk.base import SizedChunker, trimmed, windows

BORDER = re.compile(
    r"""(?P<mark>[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]*[^\W_a-z])  # a mark before what looks like the start of a sentence
    |[。！？]["”’」』）]*\s*  # full-width marks, which need no space after them
    |\n[^\S\n]*\n\s*  # an empty line""",  # noqa: RUF001
    re.VERBOSE,
)
SHORT = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[^\W\d_]|Mrs?|Ms|Drs?|Profs?|Sr|Jr|St|Gen|Sen|Rep|Gov|No|Nos|Figs?|Eqs?|Refs?|Vol|pp|vs|cf|al"
    r"|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|[^\W\d_](?:\.[^\W\d_])+)$"
)
"""The text before a full stop that ends an abbreviation or an initial, not a sentence."""
LONGEST = 12
"""The number of characters before a full stop that are searched for an abbreviation."""


class Sentences(SizedChunker):
    """Splits documents into passages of whole sentences, at most `size` sentences or words each.

    A sentence ends at a full stop, question mark or exclamation mark that is followed by white space and a capital
    letter, a digit or a character of a script without capitals; at the full-width forms of these marks; and at an empty
    line. A full stop after an initial or one of a few English abbreviations does not end a sentence. This is a rule and
    not a model; it does not know the abbreviations of other languages or of special fields.
    """

    size: int = 5
    """The maximum size of a passage, in the unit of `by`; a longer sentence is kept whole."""
    by: Literal["sentences", "words"] = "sentences"
    """The unit of `size` and `overlap`."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call splits a Corpus."""

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            spans = list(sentences(text))
            weights = [1 if self.by == "sentences" else len(text[start:end].split()) for start, end in spans]
            for first, end in windows(weights, self.size, self.overlap):
                yield spans[first][0], spans[end - 1][1]

        return lambda corpus: Passages.cut(corpus, ranges)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the characters [start, end) of each sentence, without surrounding white space.

    >>> text = "Dr. Who came at 4. p.m. was late. (He left.) Why? No one"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Dr. Who came at 4. p.m. was late.', '(He left.)', 'Why?', 'No one']
    """
    begin = 0
    for border in BORDER.finditer(text):
        if border["mark"] == "." and SHORT.search(text[max(0, border.start() - LONGEST) : border.start()]):
            continue
        start, end = trimmed(text, begin, border.end())
        if start < end:
            yield start, end
        begin = border.end()
    start, end = trimmed(text, begin, len(text))
    if start < end:
        yield start, end
