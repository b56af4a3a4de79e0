"""Where the names of points go in a picture, so that no name lies on another name or on a point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.report.numbers import plain

LETTER, LINE = 7.2, 13.0
"""Width of a letter and height of a line at 12 px, in px; the widths of fonts differ, so this is on the safe side."""
GAP = 8.0
"""Between a point and its name."""


def short(names: Iterable[str], most: int) -> dict[str, str]:
    """Shorten names to `most` characters where they are longer, so that no two become the same.

    The middle goes: names that were made by one pattern differ at their ends.

    >>> list(short(["bm25", "dense-all-MiniLM-L6-v2-64", "dense-all-MiniLM-L6-v2-128"], 15).values())
    ['bm25', 'dense-a…6-v2-64', 'dense-a…-v2-128']
    >>> list(short(["abcdefgh1xyz", "abcdefgh2xyz"], 7).values())
    ['abc…xyz', 'abc…xyz (2)']
    """
    found: dict[str, str] = {}
    for name in names:
        line = plain(name)
        half = (most - 1) // 2
        cut = line if len(line) <= most else f"{line[:half]}\N{HORIZONTAL ELLIPSIS}{line[-half:]}"
        label, number = cut, 2
        while label in found.values():
            label, number = f"{cut} ({number})", number + 1
        found[name] = label
    return found


class Spot(NamedTuple):
    """A point in px from the upper left corner, and its name."""

    x: float
    y: float
    name: str


class Label(NamedTuple):
    """A name that found room: the number of its point, and how far beside and below the point it starts or ends."""

    point: int
    align: str
    dx: float
    dy: float


class Box(NamedTuple):
    """Room that is taken, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Say whether two boxes share room."""
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)


def place(spots: Sequence[Spot], width: float, height: float, walls: Sequence[Box] = ()) -> list[Label]:
    """Find room for the names, the first first: beside, above or below the point; a name without room is left out.

    No name lies on another, on a point, or on a wall.

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
