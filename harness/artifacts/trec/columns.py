"""Splits the lines of TREC files, plain or gzipped, into columns of words, one block of lines at a time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa

from harness.errors import DataError, Place, relative

BLOCK_BYTES = 1 << 23
"""The number of bytes that are read at a time."""
LONGEST_BYTES = 1 << 26
"""The length of the longest line that is accepted; a file without a line break in 64 MB is not a text file."""
SPACE = np.zeros(256, dtype=bool)
SPACE[[9, 10, 11, 12, 13, 32]] = True
"""The bytes that separate words: C's white space, as in trec_eval. Other spaces, such as U+00A0, belong to an id."""
SHOWN = 80
"""The number of characters of a word that a message repeats."""
SEPARATOR = 255
"""The column of white space; no layout has that many columns."""
GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""
MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8."""
FOREIGN = {b"PK\x03\x04": "a zip archive", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"} | {
    b"PAR1": "Parquet",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The first bytes of formats that are not supported."""


class Layout(NamedTuple):
    """The columns of a kind of file."""

    what: str
    """The kind of file, for messages."""
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Some lines of a file, split into words; blank lines are left out."""

    path: Path
    text: np.ndarray
    """The bytes, uint8."""
    starts: np.ndarray
    """The start of each word, int64[lines, columns]."""
    ends: np.ndarray
    """The end of each word, int64[lines, columns]."""
    lines: np.ndarray
    """The line numbers in the file from 1, int64[lines]."""

    @cached_property
    def owners(self) -> np.ndarray:
        """The column that each byte of the text belongs to, SEPARATOR for white space; uint8[bytes]."""
        edges = np.stack([self.starts, self.ends], axis=-1).ravel()
        owner = np.full(len(edges) + 1, SEPARATOR, dtype=np.uint8)
        owner[1::2] = np.tile(np.arange(self.starts.shape[1], dtype=np.uint8), len(self.starts))
        return np.repeat(owner, np.diff(edges, prepend=0, append=len(self.text)))

    def column(self, number: int) -> pa.Array:
        """Return a column of words as large strings."""
        data = self.text[self.owners == number]
        offsets = np.concatenate([[0], np.cumsum(self.ends[:, number] - self.starts[:, number])])
        return pa.LargeStringArray.from_buffers(len(self.lines), pa.py_buffer(offsets), pa.py_buffer(data))

    def word(self, line: int, number: int) -> str:
        """Return one word."""
        return self.text[self.starts[line, number] : self.ends[line, number]].tobytes().decode()

    def refuse(self, line: int, message: str) -> DataError:
        """Return an error about a line, counted within the block."""
        return DataError(message, Place(relative(self.path), int(self.lines[line])))


def quoted(word: str) -> str:
    """Quote a word for a message; a very long one is truncated.

    >>> quoted("one"), quoted("9" * 1000)[-23:]
    ("'one'", "999'… (1000 characters)")
    """
    return repr(word) if len(word) <= SHOWN else f"{word[:SHOWN]!r}… ({len(word)} characters)"


def read_blocks(path: Path, layout: Layout) -> Iterator[Block]:
    """Yield the lines of a file in blocks of some megabytes.

    Gzip is recognised by the first bytes, not by the name of the file; a byte order mark is skipped. Raises DataError,
    with the line, for a file that cannot be read, is damaged, is not UTF-8, or has a line with the wrong number of
    words.
    """
    for first, text in _texts(path):
        block = _split(path, layout, first, text)
        if len(block.lines):
            yield block


def _split(path: Path, layout: Layout, first: int, text: bytes) -> Block:
    if not text.isascii():
        _check_unicode(path, first, text)
    data = np.frombuffer(b"\n" + text, dtype=np.uint8)
    space = SPACE[data]
    edges = np.flatnonzero(space[1:] != space[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    breaks = np.flatnonzero(data == ord("\n"))
    counts = np.diff(np.searchsorted(starts, breaks))
    width = len(layout.columns)
    if (wrong := (counts != width) & (counts != 0)).any():
        line = int(np.argmax(wrong))
        words = text.split(b"\n")[line].split()
        raise DataError(_wrong_width(layout, words), Place(relative(path), first + line))
    lines = np.flatnonzero(counts) + first
    return Block(path, data, starts.reshape(-1, width), ends.reshape(-1, width), lines)


def _wrong_width(layout: Layout, words: list[bytes]) -> str:
    """Say how many words were expected, and what kind of file it seems to be instead."""
    message = f"expected {len(layout.columns)} columns ({' '.join(layout.columns)}), found {len(words)}"
    if len(words) == 4:
        return f"{message}: this looks like judgements (query 0 document grade), not like {layout.what}"
    if len(words) == 6:
        return f"{message}: this looks like a run (query Q0 document rank score tag), not like {layout.what}"
    return message


def _check_unicode(path: Path, first: int, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        line = first + text.count(b"\n", 0, error.start)
        raise DataError(f"not UTF-8: {error.reason}", Place(relative(path), line)) from None


def _texts(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield pieces of whole lines, with the number of their first line."""
    number, rest = 1, b""
    with _opened(path) as file:
        while piece := _read(file, path, number):
            piece = rest + (piece.removeprefix(MARK) if number == 1 and not rest else piece)
            end = piece.rfind(b"\n") + 1
            if len(piece) - end > LONGEST_BYTES:
                raise DataError("a line is longer than 64 MB: this is not a text file", Place(relative(path), number))
            rest = piece[end:]
            if end:
                yield number, piece[:end]
                number += piece.count(b"\n", 0, end)
    if rest:
        yield number, rest + b"\n"


def _read(file: IO[bytes] | gzip.GzipFile, path: Path, number: int) -> bytes:
    try:
        return file.read(BLOCK_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"damaged gzip after line {number - 1}: {error}", Place(relative(path))) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", Place(relative(path))) from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file, and unpack gzip. Raises DataError if it cannot be opened or has another compression."""
    try:
        file = path.open("rb")
        head = file.peek(8)[:8]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", Place(relative(path))) from None
    with file:
        for start, name in FOREIGN.items():
            if head.startswith(start):
                raise DataError(f"this is {name}; expected lines in UTF-8, plain or gzipped", Place(relative(path)))
        if not head.startswith(GZIP):
            yield file
            return
        with gzip.open(file) as inner:
            yield inner
