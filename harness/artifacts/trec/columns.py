"""Lines of words to columns: TREC files, plain or gzipped, read in blocks, so that memory holds columns and no text."""

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
LONGEST_BYTES = 1 << 26
"""No line is longer: what has no end of line within 64 MB is no file of lines."""
SPACE = np.zeros(256, dtype=bool)
SPACE[[9, 10, 11, 12, 13, 32]] = True
"""What ends a word: the white space of C, as in trec_eval. Others, such as U+00A0, belong to an id."""
SHOWN = 80
"""Characters of a word that a message repeats."""
NOBODY = 255
"""No layout has so many columns."""
GZIP = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"
FOREIGN = {b"PK\x03\x04": "a zip archive", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"} | {
    b"PAR1": "Parquet",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""How files begin that are sometimes given instead of text."""


class Layout(NamedTuple):
    """What a line of a file holds."""

    what: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Some lines of a file, taken apart into words; lines without a word are left out."""

    path: Path
    text: np.ndarray
    """uint8: the bytes."""
    starts: np.ndarray
    """int64[lines, columns]: where each word begins."""
    ends: np.ndarray
    lines: np.ndarray
    """int64[lines]: their numbers in the file, from 1."""

    @cached_property
    def owners(self) -> np.ndarray:
        """The column that each byte of the text belongs to, NOBODY for white space; uint8[bytes]."""
        edges = np.stack([self.starts, self.ends], axis=-1).ravel()
        owner = np.full(len(edges) + 1, NOBODY, dtype=np.uint8)
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
        """Say what is wrong with a line, counted within the block."""
        return DataError(message, Place(relative(self.path), int(self.lines[line])))


def quoted(word: str) -> str:
    """Quote a word for a message; of a very long one the beginning.

    >>> quoted("one"), quoted("9" * 1000)[-23:]
    ("'one'", "999'… (1000 characters)")
    """
    return repr(word) if len(word) <= SHOWN else f"{word[:SHOWN]!r}… ({len(word)} characters)"


def read_blocks(path: Path, layout: Layout) -> Iterator[Block]:
    """Give the lines of a file in blocks of some megabytes.

    Gzip is known by its first bytes, whatever the file is called; a byte order mark is passed over. Raises DataError,
    with the line, for a file that cannot be read, is damaged, is not UTF-8, or has a line of another number of words.
    """
    for first, text in _texts(path):
        block = _take_apart(path, layout, first, text)
        if len(block.lines):
            yield block


def _take_apart(path: Path, layout: Layout, first: int, text: bytes) -> Block:
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
    """Say how many words were expected, and what the file may be instead."""
    said = f"expected {len(layout.columns)} columns ({' '.join(layout.columns)}), found {len(words)}"
    if len(words) == 4:
        return f"{said}: this looks like judgements (query 0 document grade), where {layout.what} was asked for"
    if len(words) == 6:
        return f"{said}: this looks like a run (query Q0 document rank score tag), where {layout.what} were asked for"
    return said


def _check_unicode(path: Path, first: int, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        line = first + text.count(b"\n", 0, error.start)
        raise DataError(f"not UTF-8: {error.reason}", Place(relative(path), line)) from None


def _texts(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give whole lines, and the number of the first of them."""
    number, rest = 1, b""
    with _opened(path) as file:
        while piece := _read(file, path, number):
            piece = rest + (piece.removeprefix(MARK) if number == 1 and not rest else piece)
            cut = piece.rfind(b"\n") + 1
            if len(piece) - cut > LONGEST_BYTES:
                raise DataError("a line of more than 64 MB: this is no file of lines", Place(relative(path), number))
            rest = piece[cut:]
            if cut:
                yield number, piece[:cut]
                number += piece.count(b"\n", 0, cut)
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
    """Open a file, through gzip if it begins so; DataError if it cannot be, or is compressed otherwise."""
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
