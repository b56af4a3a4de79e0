"""The pictures of a report, drawn by altair and turned into SVG that stands inside the page.

SVG rather than Vega's JavaScript: a page is some 30 kB a picture instead of 800 kB at once, prints, shows without
scripts (the page forbids them), and its names can be read aloud; what is lost is zooming.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.report import numbers
from harness.report.comparison import Comparison, Standing
from harness.report.document import Figure
from harness.report.labels import Box, Spot, place
from harness.report.numbers import plain
from harness.report.svg import inline
from harness.results import Results

WIDTH, HEIGHT = 700, 320
INK = "currentColor"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito 2008: told apart by the colour-blind; every colour comes with a shape of its own."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
GREY = "#8a8a8a"
BYTES = "replace(format(datum.value, '~s'), /([kMGTP]?)$/, ' $1B')"
"""How a size stands at an axis."""
ALIKE = 1.01
"""Sizes that differ by less count as equal: a longer name in the settings of an index makes it no larger."""
STANDINGS = {
    Standing.BEST: (COLOURS[1], "diamond"),
    Standing.TIED: (COLOURS[0], "circle"),
    Standing.BEHIND: (GREY, "square"),
    Standing.UNKNOWN: (GREY, "circle"),
}


class _Ends(NamedTuple):
    """The ends of both axes."""

    small: float
    large: float
    low: float
    high: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> _Ends:
        """Leave some room around the points."""
        sizes, values = [p.bytes for p in points], [p.value for p in points]
        room = 0.08 * ((max(values) - min(values)) or 0.1)
        return cls(min(sizes) / 1.3, max(sizes) * 1.3, min(values) - room, max(values) + room)

    def pixel(self, row: Mapping[str, Any]) -> tuple[float, float]:
        """Say where a point stands in the picture."""
        across = math.log(row["bytes"] / self.small) / math.log(self.large / self.small)
        return across * WIDTH, (self.high - row["value"]) / (self.high - self.low) * HEIGHT


class Point(NamedTuple):
    """Systems that share their size and their quality."""

    bytes: float
    value: float
    systems: list[str]
    standing: Standing

    @property
    def name(self) -> str:
        """The first system, and how many more stand on the same place."""
        return self.systems[0] + (f" +{len(self.systems) - 1}" if len(self.systems) > 1 else "")


def quality_and_size(comparison: Comparison) -> list[Figure]:
    """Draw quality against index size with the Pareto front; nothing where fewer than two systems have both."""
    points = _points(comparison)
    if len(points) < 2:
        return []
    front = pareto(points)
    names = "; ".join(f"{p.name}, {numbers.size(p.bytes)}, {numbers.measure(p.value)}" for p in front)
    title = f"{comparison.headline} and index size on {comparison.dataset}"
    alt = f"{title}. No system is both smaller and better than these: {names}."
    note = "Dashed: the Pareto front; no system is both smaller (by more than 1 %) and better than one on it."
    return [Figure(title, note, alt, inline(_scatter(points, front, comparison.headline), alt))]


def _points(comparison: Comparison) -> list[Point]:
    points: list[Point] = []
    for entry in comparison.entries:
        if entry.value is None or not entry.index_bytes:
            continue
        size = entry.index_bytes
        same = (p for p in points if p.value == entry.value and 1 / ALIKE <= p.bytes / size <= ALIKE)
        point = next(same, None)
        if point is None:
            points.append(point := Point(size, entry.value, [], entry.standing))
        point.systems.append(entry.system)
    return points


def pareto(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other is both as small and better than, or as good and smaller; the smallest first."""

    def beaten(point: Point) -> bool:
        small = (other for other in points if other.bytes <= ALIKE * point.bytes)
        return any((other.value, -other.bytes) > (point.value, -point.bytes) for other in small)

    return sorted((point for point in points if not beaten(point)), key=lambda point: point.bytes)


def _scatter(points: Sequence[Point], front: Sequence[Point], measure: str) -> dict[str, Any]:
    import altair as alt

    ends = _Ends.around(points)
    x = alt.X("bytes:Q", title="index size").scale(type="log", domain=[ends.small, ends.large], nice=False)
    x = x.axis(values=ticks(ends.small, ends.large), labelExpr=BYTES)
    y = alt.Y("value:Q", title=plain(measure)).scale(domain=[ends.low, ends.high], nice=False)
    shown = [standing for standing in STANDINGS if any(p.standing is standing for p in points)]
    domain, colours = [s.value for s in shown], [STANDINGS[s][0] for s in shown]
    steps = [_row(p) for p in front] + [{"bytes": ends.large, "value": front[-1].value}]
    line = _chart(steps).mark_line(interpolate="step-after", color=COLOURS[2], strokeDash=[5, 3])
    dots = _chart([_row(p) for p in reversed(points)]).mark_point(filled=True, size=100, opacity=0.9)
    dots = dots.encode(
        color=alt.Color("standing:N", title=None).scale(domain=domain, range=colours),
        shape=alt.Shape("standing:N", title=None).scale(domain=domain, range=[STANDINGS[s][1] for s in shown]),
        description="about:N",
    )
    layers = [line.encode(x=x, y=y, order="bytes:Q"), dots.encode(x=x, y=y)]
    for (align, dx, dy), rows in _labels(points, front, ends).items():
        text = _chart(rows).mark_text(align=align, dx=dx, dy=dy, color=INK)
        layers.append(text.encode(x=x, y=y, text="label:N"))
    return _finish(alt.layer(*layers))


def _row(point: Point) -> dict[str, Any]:
    about = f"{', '.join(point.systems)}: {numbers.measure(point.value)}, {numbers.size(point.bytes)}"
    said = {"standing": point.standing.value, "about": plain(about), "label": plain(point.name, most=40)}
    return {"bytes": point.bytes, "value": point.value, **said}


def _labels(
    points: Sequence[Point], front: Sequence[Point], ends: _Ends
) -> dict[tuple[str, float, float], list[dict[str, Any]]]:
    """Group the points whose names find room by where the name stands; those of the front choose first, best first."""
    rows = [_row(point) for point in (*reversed(front), *(p for p in points if p not in front))]
    corners = [ends.pixel(_row(point)) for point in front]
    walls = []
    for (x, y), (x2, y2) in zip(corners, [*corners[1:], (WIDTH, corners[-1][1])], strict=True):
        walls += [Box(x, y - 1, x2, y + 1), Box(x2 - 1, y2, x2 + 1, y)]
    found: dict[tuple[str, float, float], list[dict[str, Any]]] = {}
    for label in place([Spot(*ends.pixel(row), row["label"]) for row in rows], WIDTH, HEIGHT, walls):
        found.setdefault(label[1:], []).append(rows[label.point])
    return found


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers on a logarithmic axis, the fewer a decade the more decades there are.

    >>> ticks(900, 6000), ticks(900, 2_000_000), ticks(2100, 3900)
    ([1000.0, 2000.0, 5000.0], [1000.0, 10000.0, 100000.0, 1000000.0], [3000.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 2, 5), range(1, 10)):
        found = [float(step * 10**decade) for decade in decades for step in steps if low <= step * 10**decade <= high]
        if len(found) >= 3:
            break
    return found


def dimension_curves(results: Results, comparison: Comparison) -> list[Figure]:
    """Draw quality against dimensions, a line for each chain that differs in nothing but those.

    [] without such, and where there are more lines than colours.
    """
    series = curves(results, comparison)
    if not any(len(rows) > 1 for rows in series.values()) or len(series) > len(COLOURS):
        return []
    title = f"{comparison.headline} and dimensions on {comparison.dataset}"
    lines = (
        f"{name}: " + ", ".join(f"{row['dimensions']:.0f} dimensions {numbers.measure(row['value'])}" for row in rows)
        for name, rows in series.items()
    )
    alt = f"{title}. {'; '.join(lines)}."
    note = "Bars: 95 % intervals of each system on its own. Systems of the same dimensions are drawn side by side."
    return [Figure(title, note, alt, inline(_curves(series, comparison.headline), alt))]


def curves(results: Results, comparison: Comparison) -> dict[str, list[dict[str, Any]]]:
    """Group the systems that have dimensions by all that their stages say besides those, fewest dimensions first.

    A group is named by what tells it from the others: the similarity, where nothing else differs.
    """
    groups: dict[frozenset[str], list[dict[str, Any]]] = {}
    for entry in comparison.entries:
        if entry.value is None or not entry.dimensions:
            continue
        row = entry.headline
        ends = {"low": row.low, "high": row.high} if row and row.low is not None and row.high is not None else {}
        about = plain(f"{entry.system}: {numbers.measure(entry.value)}, {entry.dimensions:.0f} dimensions")
        point = {"dimensions": entry.dimensions, "value": entry.value, "about": about, **ends}
        groups.setdefault(_words(results.part("systems").get(entry.system)), []).append(point)
    common = frozenset.intersection(*groups) if groups else frozenset()
    named = {
        " ".join(sorted(words - common)) or "all": sorted(rows, key=lambda row: row["dimensions"])
        for words, rows in groups.items()
    }
    return dict(sorted(named.items()))


def _words(system: Any) -> frozenset[str]:
    """Return what the stages of a system say, but for a truncation to fewer dimensions."""
    stages = system.get("stages") if isinstance(system, Mapping) else None
    kept = [s for s in stages or () if isinstance(s, dict) and s.get("reduce") != "truncate"]
    said = {f"{key} {numbers.fact(value)}" for stage in kept for key, value in stage.items() if key != "similarity"}
    return frozenset(said | {numbers.fact(stage["similarity"]) for stage in kept if "similarity" in stage})


def _curves(series: Mapping[str, list[dict[str, Any]]], measure: str) -> dict[str, Any]:
    import altair as alt

    rows = [{"series": plain(name, most=60), **row} for name, found in series.items() for row in found]
    names = list(dict.fromkeys(row["series"] for row in rows))
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(names))]
    base = _chart(rows).encode(
        x=alt.X("dimensions:O", title="dimensions").axis(labelAngle=0).scale(type="band", paddingInner=0.5),
        xOffset=alt.XOffset("series:N").scale(domain=names),
        color=alt.Color("series:N", title=None).scale(domain=names, range=colours),
    )
    y = alt.Y("value:Q", title=plain(measure)).scale(zero=False, padding=8)
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        y=y, shape=alt.Shape("series:N", title=None).scale(domain=names, range=shapes), description="about:N"
    )
    layers = [base.mark_line(strokeWidth=1.5, opacity=0.7).encode(y=y), points]
    if any("low" in row for row in rows):
        layers.insert(0, base.mark_rule(opacity=0.45).encode(y=alt.Y("low:Q", title=plain(measure)), y2="high:Q"))
    return _finish(alt.layer(*layers))


def _chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt

    return alt.Chart({"values": list(rows)})


def _finish(chart: Any) -> dict[str, Any]:
    """Give every picture the same size and colours that follow the page, light or dark."""
    chart = chart.properties(width=WIDTH, height=HEIGHT, background="transparent").configure(font="sans-serif")
    chart = chart.configure_axis(
        labelColor=INK, titleColor=INK, gridColor=INK, domainColor=INK, tickColor=INK, gridOpacity=0.12,
        domainOpacity=0.5, tickOpacity=0.5, labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
    )  # fmt: skip
    chart = chart.configure_legend(
        orient="top", symbolOpacity=1, labelColor=INK, labelFontSize=12, labelLimit=420, columns=3
    )
    found: dict[str, Any] = chart.configure_text(fontSize=12).configure_view(stroke=None).to_dict()
    return found
