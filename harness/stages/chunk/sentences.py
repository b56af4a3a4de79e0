"""Whole sentences, so many of them or as many as so many words hold."""

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
    r"""(?P<mark>[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]*[^\W_a-z])  # a mark, then what begins like a sentence
    |[。！？]["”’」』）]*\s*  # marks that no space follows
    |\n[^\S\n]*\n\s*  # an empty line""",  # noqa: RUF001
    re.VERBOSE,
)
SHORT = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[^\W\d_]|Mrs?|Ms|Drs?|Profs?|Sr|Jr|St|Gen|Sen|Rep|Gov|No|Nos|Figs?|Eqs?|Refs?|Vol|pp|vs|cf|al"
    r"|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|[^\W\d_](?:\.[^\W\d_])+)$"
)
"""What stands before a full stop that ends an abbreviation, an initial too, and no sentence."""
LONGEST = 12
"""Characters before a full stop that are looked at for an abbreviation."""


class Sentences(SizedChunker):
    """Passages of whole sentences; `size` and `overlap` count sentences, or words where `by` says so.

    A sentence ends at a full stop, a question or an exclamation mark that white space and a capital letter, a digit or
    a script without capitals follow; at their full-width forms; and at an empty line. A full stop behind an initial or
    one of a few English abbreviations ends none. It is the usual rule, not a model: what it lacks are lists of
    abbreviations of a field or of another language.
    """

    size: int = 5
    by: Literal["sentences", "words"] = "sentences"
    """What is counted. By words, one sentence that has more than `size` of them is a passage of its own."""

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Corpus], Passages]:
        """The call cuts a Corpus."""

        def ranges(text: str) -> Iterator[tuple[int, int]]:
            found = list(sentences(text))
            weights = [1 if self.by == "sentences" else len(text[start:end].split()) for start, end in found]
            for first, end in windows(weights, self.size, self.overlap):
                yield found[first][0], found[end - 1][1]

        return lambda corpus: Passages.cut(corpus, ranges)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Give where each sentence begins and ends, without the white space around it.

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
