"""What a report is made of, whatever it is written in: sections of paragraphs, tables, pictures, lists and code.

All text here is plain text as it came from suites and data. Each writer escapes it for its own language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Strip(NamedTuple):
    """An interval drawn in a cell: where its ends and its middle lie on a scale from 0 to 1 that the column shares."""

    low: float
    middle: float
    high: float


class Cell(NamedTuple):
    """A piece of text: strong where it is the best of its kind, with a lesser note beside it."""

    text: str
    strong: bool = False
    note: str = ""
    strip: Strip | None = None


class Column(NamedTuple):
    """The head of a column; numbers stand to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first cell of a row names the row."""

    kind = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture, how to read it, and what it shows in words for those who do not see it."""

    kind = "figure"
    title: str
    note: str
    alt: str
    svg: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    kind = "paragraph"
    parts: tuple[Cell, ...]


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    kind = "items"
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Text to be copied as it is; folded away where `summary` stands for it."""

    kind = "code"
    text: str
    summary: str = ""


Block: TypeAlias = Table | Figure | Paragraph | Items | Code


@dataclass(frozen=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Chapter:
    """The report of one run: a title, a line below it, what to know first, and the sections."""

    title: str
    subtitle: str
    lead: tuple[Paragraph, ...]
    calls: tuple[Paragraph, ...]
    """What must not be missed: failures, missed checks, warnings."""
    sections: tuple[Section, ...]


def say(*parts: str | Cell) -> Paragraph:
    """Make a paragraph of texts and cells."""
    return Paragraph(tuple(part if isinstance(part, Cell) else Cell(part) for part in parts))


def strong(text: str) -> Cell:
    """Make a text that stands out."""
    return Cell(text, strong=True)


def pairs(caption: str, facts: list[tuple[str, str]]) -> Table:
    """Make a table of names and values."""
    rows = tuple((Cell(name), Cell(value)) for name, value in facts)
    return Table(caption, (Column("what"), Column("value")), rows)
