"""Numbers the terms of a collection and counts them in each text, for documents, queries and all lexical indexes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.text import Texts
from harness.search.analyzer import Analyzer

BATCH = 16_384
"""The number of documents whose terms are counted together."""
ABSENT = -1
"""The number of a term that the vocabulary lacks."""


class Counts(NamedTuple):
    """The counts of the terms in each text, as compressed rows; the term numbers of a text ascend."""

    starts: np.ndarray
    """int64[texts + 1]: where the terms of each text begin in the other two arrays."""
    terms: np.ndarray
    """int32: the number of the term."""
    times: np.ndarray
    """int32: how often the term occurs in the text."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of terms in each text including repeats, int64[texts]."""
        lengths: np.ndarray = np.diff(np.concatenate([[0], np.cumsum(self.times, dtype=np.int64)])[self.starts])
        return lengths


class Lexicon:
    """Numbers the terms of texts that are analysed in one way.

    Without a packed `vocabulary` each new term gets the next number; with one, unknown terms are left out.
    """

    def __init__(self, analyzer: Analyzer, vocabulary: np.ndarray | None = None) -> None:
        self._split, term = analyzer.analyzer()
        self._numbers = _TermNumbers(term, None if vocabulary is None else unpack(vocabulary))

    def count(self, texts: Iterable[str]) -> Counts:
        """Count the terms of each text."""
        split, number_of, numbers, ends = self._split, self._numbers.__getitem__, array("i"), array("q", [0])
        for text in texts:
            numbers.extend(map(number_of, split(text)))
            ends.append(len(numbers))
        terms = np.frombuffer(numbers, dtype=np.int32) if numbers else np.empty(0, np.int32)
        rows = np.repeat(np.arange(len(ends) - 1, dtype=np.int64), np.diff(ends))
        keys, times = np.unique(((rows << 32) | terms)[terms != ABSENT], return_counts=True)
        starts = np.searchsorted(keys, np.arange(len(ends), dtype=np.int64) << 32)
        return Counts(starts, (keys & 0xFFFFFFFF).astype(np.int32), times.astype(np.int32))

    @property
    def vocabulary(self) -> list[str]:
        """The terms in the order of their numbers."""
        return list(self._numbers.terms)


class _TermNumbers(dict[str, int]):
    """Maps pieces of text to the numbers of their terms, and computes the term of each distinct piece once."""

    def __init__(self, term: Callable[[str], str], vocabulary: list[str] | None) -> None:
        self.term = term
        self.grows = vocabulary is None
        self.terms = {term: number for number, term in enumerate(vocabulary or ())}

    def __missing__(self, piece: str) -> int:
        number, term = ABSENT, self.term(piece)
        if term:
            number = self.terms.setdefault(term, len(self.terms)) if self.grows else self.terms.get(term, ABSENT)
        self[piece] = number
        return number


class TermIndex(NamedTuple):
    """The counts of the terms of a collection, ordered by term."""

    vocabulary: np.ndarray
    """uint8: the terms in ascending order, as `pack` writes them."""
    starts: np.ndarray
    """int64[terms + 1]: where the documents of each term begin in the other two arrays."""
    documents: np.ndarray
    """int32: rows of the corpus, ascending within a term."""
    times: np.ndarray
    """float32: how often the term occurs in the document."""
    lengths: np.ndarray
    """int64[documents]: the number of terms in each document including repeats."""


def collect(corpus: Texts, analyzer: Analyzer) -> TermIndex:
    """Count the terms of a corpus and invert the counts.

    Only the counts are held in memory: about six bytes per term and document, and eight more while they are inverted.
    """
    lexicon = Lexicon(analyzer)
    parts = [
        _compact(lexicon.count(corpus.take(slice(start, start + BATCH)).texts))
        for start in range(0, max(len(corpus), 1), BATCH)
    ]
    lengths = np.concatenate([part.lengths for part in parts])
    vocabulary, rank = _sorted(lexicon.vocabulary)
    del lexicon
    return TermIndex(pack(vocabulary), *_inverted(parts, rank), lengths)


def _compact(part: Counts) -> Counts:
    """Store the counts in as few bytes as they need, which is mostly one."""
    return part._replace(times=part.times.astype(np.min_scalar_type(part.times.max(initial=0))))


def _inverted(parts: list[Counts], rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Invert counts per document under new term numbers; return `starts`, `documents` and `times` of a TermIndex.

    Each part is inverted by itself, copied behind the earlier documents of its terms, and released.
    """
    from scipy import sparse

    frequencies = sum((np.bincount(rank[part.terms], minlength=len(rank)) for part in parts), np.int64(0))
    starts = np.concatenate([[0], np.cumsum(frequencies)])
    documents, times = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    free, done = starts[:-1].copy(), 0
    parts.reverse()
    while parts:
        part = parts.pop()
        shape = (len(part.starts) - 1, len(rank))
        by_term = sparse.csr_matrix((part.times, rank[part.terms], part.starts), shape=shape).tocsc()
        counts = np.diff(by_term.indptr)
        places = np.arange(len(by_term.data)) + np.repeat(free - by_term.indptr[:-1], counts)
        documents[places], times[places] = by_term.indices + done, by_term.data
        free, done = free + counts, done + shape[0]
    return starts, documents, times


def _sorted(terms: list[str]) -> tuple[list[str], np.ndarray]:
    """Sort terms, and return the new number of each old one as int32[terms]."""
    order = sorted(range(len(terms)), key=terms.__getitem__)
    rank = np.empty(len(terms), np.int32)
    rank[order] = np.arange(len(terms), dtype=np.int32)
    return [terms[number] for number in order], rank


def pack(vocabulary: list[str]) -> np.ndarray:
    """Return terms as one array of UTF-8 bytes, separated by line breaks, which no term contains.

    >>> unpack(pack(["eins", "übrig"]))
    ['eins', 'übrig']
    """
    return np.frombuffer("\n".join(vocabulary).encode(), dtype=np.uint8)


def unpack(packed: np.ndarray) -> list[str]:
    """Return the terms that `pack` wrote."""
    return packed.tobytes().decode().split("\n") if len(packed) else []


def blocks(starts: np.ndarray, size: int = 4_000_000) -> Iterable[tuple[slice, slice]]:
    """Divide a term index into blocks of about `size` entries; yield the terms of each block, and its entries."""
    borders: Any = np.unique(np.searchsorted(starts, np.arange(0, starts[-1] + size, size)).clip(0, len(starts) - 1))
    for first, last in pairwise(borders):
        yield slice(first, last), slice(starts[first], starts[last])
