"""Place the names of points in a picture so that no name covers another name or a point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.report.numbers import plain

LETTER, LINE = 7.2, 13.0
"""The width of a letter and the height of a line at 12 px, in px; a safe estimate, because fonts differ."""
GAP = 8.0
"""The distance between a point and its name, px."""


def short(names: Iterable[str], most: int) -> dict[str, str]:
    """Shorten names to `most` characters so that all of them stay different.

    The middle is dropped, because names made by one pattern differ at their ends.

    >>> list(short(["bm25", "dense-all-MiniLM-L6-v2-64", "dense-all-MiniLM-L6-v2-128"], 15).values())
    ['bm25', 'dense-a…6-v2-64', 'dense-a…-v2-128']
    >>> list(short(["abcdefgh1xyz", "abcdefgh2xyz"], 7).values())
    ['abc…xyz', 'abc…xyz (2)']
    """
    labels: dict[str, str] = {}
    for name in names:
        line = plain(name)
        half = (most - 1) // 2
        shortened = line if len(line) <= most else f"{line[:half]}\N{HORIZONTAL ELLIPSIS}{line[-half:]}"
        label, number = shortened, 2
        while label in labels.values():
            label, number = f"{shortened} ({number})", number + 1
        labels[name] = label
    return labels


class Spot(NamedTuple):
    """A point, in px from the upper left corner, and its name."""

    x: float
    y: float
    name: str


class Label(NamedTuple):
    """A name that was placed: the index of its point, and where the text starts or ends relative to the point, px."""

    point: int
    align: str
    dx: float
    dy: float


class Box(NamedTuple):
    """An area that is occupied, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return whether two boxes overlap."""
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)


def place(spots: Sequence[Spot], width: float, height: float, walls: Sequence[Box] = ()) -> list[Label]:
    """Place names beside, above or below their points, in the given order; a name that does not fit is left out.

    No name covers another name, a point or one of the `walls`.

    >>> place([Spot(50, 50, "ab"), Spot(52, 50, "cd")], 100, 100)
    [Label(point=0, align='left', dx=8.0, dy=0.0), Label(point=1, align='right', dx=-8.0, dy=0.0)]
    """
    taken = [*walls] + [Box(x - 5, y - 5, x + 5, y + 5) for x, y, _ in spots]
    labels = []
    for number, spot in enumerate(spots):
        for align, dx, dy in (("left", GAP, 0.0), ("right", -GAP, 0.0), ("left", GAP, -11.0), ("right", -GAP, -11.0),
                              ("left", GAP, 11.0), ("right", -GAP, 11.0)):  # fmt: skip
            box = _box(spot, align, dx, dy)
            inside = box.left >= 0 and box.right <= width and box.top >= 0 and box.bottom <= height
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                labels.append(Label(number, align, dx, dy))
                break
    return labels


def _box(spot: Spot, align: str, dx: float, dy: float) -> Box:
    start, length = spot.x + dx, len(spot.name) * LETTER
    left = start if align == "left" else start - length
    return Box(left, spot.y + dy - LINE / 2, left + length, spot.y + dy + LINE / 2)
