"""Quality against bytes, milliseconds or money, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.compare.comparison import Comparison, Standing
from harness.report import numbers
from harness.report.document import Figure
from harness.report.numbers import plain
from harness.report.pictures.drawing import COLOURS, GREY, HEIGHT, INK, WIDTH, chart, sized, styled, ticks
from harness.report.pictures.labels import Box, Spot, place, short
from harness.report.pictures.svg import inline

NAME = 40
"""The largest number of letters of a point's name."""
ALIKE = 1.01
"""Values that differ by a smaller factor count as equal: a longer name in its settings makes no index larger."""
STANDINGS = {
    Standing.BEST: (COLOURS[1], "diamond"),
    Standing.TIED: (COLOURS[0], "circle"),
    Standing.BEHIND: (GREY, "square"),
    Standing.UNKNOWN: (GREY, "circle"),
}


class Axis(NamedTuple):
    """The horizontal axis: its name in the title of the picture, its own title, and the format of its values."""

    name: str
    title: str
    write: Callable[[float], str]
    label: str
    """The format of the numbers at the axis, as an expression of Vega over `datum.value`."""


class Spread(NamedTuple):
    """A number with the ends of its interval, if they are known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, ...]:
        """Both ends of the interval; () if one is not known."""
        return () if self.low is None or self.high is None else (self.low, self.high)


class Point(NamedTuple):
    """Systems with the same position, and the ends of the intervals of the first of them."""

    x: float
    value: float
    systems: list[str]
    standing: Standing
    across: tuple[float, ...] = ()
    upwards: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The first system, and the number of others at the same position."""
        return self.systems[0] + (f" +{len(self.systems) - 1}" if len(self.systems) > 1 else "")


class _Ends(NamedTuple):
    """The ends of both axes: `small` and `large` of the horizontal one, `low` and `high` of the vertical one."""

    small: float
    large: float
    low: float
    high: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> _Ends:
        """Return ends that leave some room around the points and their intervals."""
        xs = [x for p in points for x in (p.x, *p.across) if x > 0]
        values = [value for p in points for value in (p.value, *p.upwards)]
        room = 0.08 * ((max(values) - min(values)) or 0.1)
        return cls(min(xs) / 1.3, max(xs) * 1.3, min(values) - room, max(values) + room)

    def pixel(self, point: Point) -> tuple[float, float]:
        """Return the position of a point in the picture, px from the upper left corner."""
        across = math.log(point.x / self.small) / math.log(self.large / self.small)
        return across * WIDTH, (self.high - point.value) / (self.high - self.low) * HEIGHT


def against(
    comparison: Comparison,
    axis: Axis,
    values: Mapping[str, Spread],
    better: str,
    alike: float = ALIKE,
    intervals: bool = False,
    note: str = "",
) -> list[Figure]:
    """Draw the headline measure against `values`, by system; [] if fewer than two points have both.

    `better` completes the sentence "no system is ... than one on the Pareto front", and values that differ by less than
    the factor `alike` count as equal; an empty text draws no front. `note` is added below the title.
    """
    points = _points(comparison, values, intervals)
    if len(points) < 2:
        return []
    front = pareto(points, alike) if better else []
    title = f"{comparison.headline} and {axis.name} on {comparison.dataset}"
    notes = [f"Dashed: Pareto front; no system is {better} than one on it."] if better else []
    notes += ["Bars: 95 % interval of each system on its own."] if intervals else []
    names = "; ".join(f"{p.name}, {axis.write(p.x)}, {numbers.measure(p.value)}" for p in front or points)
    alt = f"{title}. No system is {better} than these: {names}." if better else f"{title}. {names}."
    drawn = inline(_scatter(points, front, comparison.headline, axis), alt)
    return [Figure(title, " ".join([*notes, note]).strip(), alt, drawn)]


def _points(comparison: Comparison, values: Mapping[str, Spread], intervals: bool) -> list[Point]:
    points: list[Point] = []
    for entry in comparison.entries:
        across = values.get(entry.system)
        if entry.value is None or across is None or across.value <= 0:
            continue
        same = (p for p in points if p.value == entry.value and 1 / ALIKE <= p.x / across.value <= ALIKE)
        point = next(same, None)
        if point is None:
            row = entry.headline
            ends = (across.ends, Spread(entry.value, row.low, row.high).ends) if intervals and row else ()
            points.append(point := Point(across.value, entry.value, [], entry.standing, *ends))
        point.systems.append(entry.system)
    return points


def pareto(points: Sequence[Point], alike: float = ALIKE) -> list[Point]:
    """Return the points that no other beats, being as small and better or as good and smaller; the smallest first."""

    def beaten(point: Point) -> bool:
        small = (other for other in points if other.x <= alike * point.x)
        return any((other.value, -other.x) > (point.value, -point.x) for other in small)

    return sorted((point for point in points if not beaten(point)), key=lambda point: point.x)


def _scatter(points: Sequence[Point], front: Sequence[Point], measure: str, axis: Axis) -> dict[str, Any]:
    import altair as alt

    ends = _Ends.around(points)
    x = alt.X("x:Q", title=axis.title).scale(type="log", domain=[ends.small, ends.large], nice=False)
    x = x.axis(values=ticks(ends.small, ends.large), labelExpr=axis.label)
    y = alt.Y("value:Q", title=plain(measure)).scale(domain=[ends.low, ends.high], nice=False)
    shown = [standing for standing in STANDINGS if any(p.standing is standing for p in points)]
    names = [standing.value for standing in shown]
    colour = alt.Color("standing:N", title=None).scale(domain=names, range=[STANDINGS[s][0] for s in shown])
    shape = alt.Shape("standing:N", title=None).scale(domain=names, range=[STANDINGS[s][1] for s in shown])
    layers = list(_bars(points, x, y, colour))
    if front:
        steps = [{"x": p.x, "value": p.value} for p in front] + [{"x": ends.large, "value": front[-1].value}]
        line = chart(steps).mark_line(interpolate="step-after", color=COLOURS[2], strokeDash=[5, 3])
        layers.append(line.encode(x=x, y=y, order="x:Q"))
    dots = chart([_row(p, axis) for p in reversed(points)]).mark_point(filled=True, size=100, opacity=0.9)
    layers.append(dots.encode(x=x, y=y, color=colour, shape=shape, description="about:N"))
    for (align, dx, dy), rows in _labels(points, front, ends).items():
        text = chart(rows).mark_text(align=align, dx=dx, dy=dy, color=INK)
        layers.append(text.encode(x=x, y=y, text="label:N"))
    return styled(sized(alt.layer(*layers)))


def _bars(points: Sequence[Point], x: Any, y: Any, colour: Any) -> Iterator[Any]:
    """Yield the intervals of the points that have any, vertical and horizontal."""
    for ends, end in (("upwards", {"y2": "end:Q"}), ("across", {"x2": "end:Q"})):
        rows = [_bar(point, ends) for point in points if getattr(point, ends)]
        if rows:
            yield chart(rows).mark_rule(opacity=0.4).encode(x=x, y=y, color=colour, **end)


def _bar(point: Point, ends: str) -> dict[str, Any]:
    low, high = getattr(point, ends)
    start = {"x": point.x, "value": low} if ends == "upwards" else {"x": low, "value": point.value}
    return {**start, "end": high, "standing": point.standing.value}


def _row(point: Point, axis: Axis) -> dict[str, Any]:
    about = f"{', '.join(point.systems)}: {numbers.measure(point.value)}, {axis.write(point.x)}"
    return {"x": point.x, "value": point.value, "standing": point.standing.value, "about": plain(about)}


def _labels(
    points: Sequence[Point], front: Sequence[Point], ends: _Ends
) -> dict[tuple[str, float, float], list[dict[str, Any]]]:
    """Return the points whose names fit, by the offset of the name; the best on the front are placed first."""
    ordered = [*reversed(front), *(p for p in points if p not in front)]
    corners = [ends.pixel(point) for point in front]
    walls = []
    for (x, y), (x2, y2) in zip(corners, [*corners[1:], (WIDTH, corners[-1][1])] if front else [], strict=True):
        walls += [Box(x, y - 1, x2, y + 1), Box(x2 - 1, y2, x2 + 1, y)]
    placed: dict[tuple[str, float, float], list[dict[str, Any]]] = {}
    names = short((point.name for point in ordered), NAME)
    for label in place([Spot(*ends.pixel(point), names[point.name]) for point in ordered], WIDTH, HEIGHT, walls):
        point = ordered[label.point]
        placed.setdefault(label[1:], []).append({"x": point.x, "value": point.value, "label": names[point.name]})
    return placed
