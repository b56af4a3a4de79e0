"""Terms to numbers, and how often each stands in a text: one way for all documents, queries and lexical indexes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.text import Texts
from harness.search.analyzer import Analyzer

BATCH = 16_384
ABSENT = -1


class Counts(NamedTuple):
    """How often each term stands in each text: rows of texts, whose terms ascend."""

    starts: np.ndarray
    """int64[texts + 1]: where each text's terms begin in the other two."""
    terms: np.ndarray
    """int32: the number of the term."""
    times: np.ndarray
    """int32: how often it stands there."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of terms in each text, repeats counted: int64[texts]."""
        found: np.ndarray = np.diff(np.concatenate([[0], np.cumsum(self.times, dtype=np.int64)])[self.starts])
        return found


class Lexicon:
    """Numbers for the terms of a collection, whose texts are cut as `cutting` says.

    Without `vocabulary` every new term gets the next number; with it, words that it lacks are left out.
    """

    def __init__(self, cutting: Analyzer, vocabulary: np.ndarray | None = None) -> None:
        self._cut, term = cutting.analyzer()
        self._numbers = _Numbers(term, None if vocabulary is None else unpack(vocabulary))

    def count(self, texts: Iterable[str]) -> Counts:
        """Count the terms of each text."""
        cut, number_of, numbers, ends = self._cut, self._numbers.__getitem__, array("i"), array("q", [0])
        for text in texts:
            numbers.extend(map(number_of, cut(text)))
            ends.append(len(numbers))
        found = np.frombuffer(numbers, dtype=np.int32) if numbers else np.empty(0, np.int32)
        rows = np.repeat(np.arange(len(ends) - 1, dtype=np.int64), np.diff(ends))
        keys, times = np.unique(((rows << 32) | found)[found != ABSENT], return_counts=True)
        starts = np.searchsorted(keys, np.arange(len(ends), dtype=np.int64) << 32)
        return Counts(starts, (keys & 0xFFFFFFFF).astype(np.int32), times.astype(np.int32))

    @property
    def vocabulary(self) -> list[str]:
        """The terms in the order of their numbers."""
        return list(self._numbers.terms)


class _Numbers(dict[str, int]):
    """Pieces of texts to the numbers of their terms; each piece is cut down once, when it is first met."""

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
    """The terms of a collection, by term."""

    vocabulary: np.ndarray
    """The terms in ascending order, packed."""
    starts: np.ndarray
    """int64[terms + 1]: where each term's documents begin in the other two."""
    documents: np.ndarray
    """int32: rows of the corpus, ascending within a term."""
    times: np.ndarray
    """float32: how often the term stands there."""
    lengths: np.ndarray
    """int64[documents]: the number of terms in each document, repeats counted."""


def collect(corpus: Texts, cutting: Analyzer) -> TermIndex:
    """Count the terms of a corpus, and turn the counts over from documents to terms.

    Only the counts are held, some six bytes for each term of each document, and eight more while they turn.
    """
    lexicon = Lexicon(cutting)
    parts = [
        _narrowed(lexicon.count(corpus.take(slice(start, start + BATCH)).texts))
        for start in range(0, max(len(corpus), 1), BATCH)
    ]
    lengths = np.concatenate([part.lengths for part in parts])
    vocabulary, rank = _sorted(lexicon.vocabulary)
    del lexicon
    return TermIndex(pack(vocabulary), *_turned(parts, rank), lengths)


def _narrowed(part: Counts) -> Counts:
    """Hold the counts in as few bytes as they need: one, mostly."""
    return part._replace(times=part.times.astype(np.min_scalar_type(part.times.max(initial=0))))


def _turned(parts: list[Counts], rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn counts over from documents to terms under their new numbers: starts, documents and times of a Collection.

    Every part is turned by itself, copied behind what its terms already have, and let go of.
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
        turned = sparse.csr_matrix((part.times, rank[part.terms], part.starts), shape=shape).tocsc()
        held = np.diff(turned.indptr)
        places = np.arange(len(turned.data)) + np.repeat(free - turned.indptr[:-1], held)
        documents[places], times[places] = turned.indices + done, turned.data
        free, done = free + held, done + shape[0]
    return starts, documents, times


def _sorted(terms: list[str]) -> tuple[list[str], np.ndarray]:
    """Sort terms, and return the new number of each old one."""
    order = sorted(range(len(terms)), key=terms.__getitem__)
    rank = np.empty(len(terms), np.int32)
    rank[order] = np.arange(len(terms), dtype=np.int32)
    return [terms[number] for number in order], rank


def pack(vocabulary: list[str]) -> np.ndarray:
    """Write terms into an array of bytes; no term holds a line break.

    >>> unpack(pack(["eins", "übrig"]))
    ['eins', 'übrig']
    """
    return np.frombuffer("\n".join(vocabulary).encode(), dtype=np.uint8)


def unpack(packed: np.ndarray) -> list[str]:
    """Read terms back from an array of bytes."""
    return packed.tobytes().decode().split("\n") if len(packed) else []


def blocks(starts: np.ndarray, size: int = 4_000_000) -> Iterable[tuple[slice, slice]]:
    """Cut a collection into runs of terms with about `size` entries: the terms, and their entries."""
    cuts: Any = np.unique(np.searchsorted(starts, np.arange(0, starts[-1] + size, size)).clip(0, len(starts) - 1))
    for first, last in pairwise(cuts):
        yield slice(first, last), slice(starts[first], starts[last])
