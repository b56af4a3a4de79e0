"""The content of a report, independent of its format: sections of paragraphs, tables, figures, lists and code.

All text is plain text as it comes from suites and data. Each format escapes it for its own syntax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Strip(NamedTuple):
    """An interval drawn in a cell: its ends and its middle on a scale from 0 to 1 that the whole column shares."""

    low: float
    middle: float
    high: float


class Cell(NamedTuple):
    """A piece of text, strong if it stands out, followed by a less prominent note."""

    text: str
    strong: bool = False
    note: str = ""
    strip: Strip | None = None


class Column(NamedTuple):
    """The heading of a column; numeric columns are aligned to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under column headings; the first cell of a row names the row."""

    kind = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture, a note on how to read it, and a description for readers who cannot see it."""

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
    """Text to be copied as it is; folded away under `summary` if that is given."""

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
    """The report of one run: a title, a line below it, the main result, and the sections."""

    title: str
    subtitle: str
    lead: tuple[Paragraph, ...]
    calls: tuple[Paragraph, ...]
    """Notices that must not be overlooked: failures, missed checks and warnings."""
    sections: tuple[Section, ...]


def say(*parts: str | Cell) -> Paragraph:
    """Return a paragraph of texts and cells."""
    return Paragraph(tuple(part if isinstance(part, Cell) else Cell(part) for part in parts))


def strong(text: str) -> Cell:
    """Return a text that stands out."""
    return Cell(text, strong=True)


def pairs(caption: str, facts: list[tuple[str, str]]) -> Table:
    """Return a table of names and values."""
    rows = tuple((Cell(name), Cell(value)) for name, value in facts)
    return Table(caption, (Column("fact"), Column("value")), rows)
