"""Pictures of latency: quality against latency, latency by stage, latency against query length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harness.compare.comparison import Comparison, Standing
from harness.report import numbers
from harness.report.document import Figure
from harness.report.numbers import plain
from harness.report.pictures.drawing import COLOURS, GREY, INK, ROUND, SHAPES, chart, sized, styled, ticks
from harness.report.pictures.labels import LETTER, short
from harness.report.pictures.scatter import ALIKE, Axis, Point, Spread, against, pareto
from harness.report.pictures.svg import inline
from harness.results import Results
from harness.results.timings import Timing, by_length

ROLES = {
    "encode": COLOURS[0],
    "search": COLOURS[1],
    "rerank": COLOURS[2],
    "fuse": COLOURS[3],
    "rewrite": COLOURS[4],
    "reduce": COLOURS[5],
    "generate": "#4d4d4d",
}
"""The colours of stages, by role; all other roles are grey."""
OTHERS = "others"
"""The name of the systems without a colour in the legend."""
ROW, NAME = 20, 36
"""The height of a bar with the gap below it, px; the largest number of letters of a system's name."""


def quality_and_time(comparison: Comparison, timing: Timing) -> list[Figure]:
    """Draw quality against p50 with both intervals and the Pareto front; no front if the times are inconclusive."""
    axis = Axis("latency", f"p50 latency on {plain(timing.machine, most=40)}, ms", _ms, ROUND)
    rows = {system: timing.row(system, "latency_p50") for system in timing.systems}
    latencies = {system: Spread(row.value or 0, row.low, row.high) for system, row in rows.items() if row}
    if timing.inconclusive:
        return against(comparison, axis, latencies, "", intervals=True, note="No front: the times are inconclusive.")
    alike = max(ALIKE, 1 + (timing.noise_floor or 0))
    better = f"both faster (by more than {alike - 1:.1%}) and better"
    return against(comparison, axis, latencies, better, alike, intervals=True)


def stage_bars(timing: Timing) -> list[Figure]:
    """Draw the stacked medians of the stages of each system, in ms and as shares; [] if no system has stages."""
    stages = {system: parts for system in timing.systems if (parts := timing.stages(system)) and sum(parts.values())}
    if not stages:
        return []
    title = f"Latency by stage on {timing.dataset}"
    descriptions = (
        f"{system}: " + ", ".join(f"{stage} {_ms(ms)}" for stage, ms in parts.items())
        for system, parts in stages.items()
    )
    note = "Medians of the stages, in the order in which they run; the number is the median of the whole system, in ms."
    alt = f"{title}. {'; '.join(descriptions)}."
    return [Figure(title, note, alt, inline(_bars(timing, stages), alt))]


class _Segment(NamedTuple):
    """A stage in the bar of its system: from `start` to `end` in ms, from `since` to `until` as shares of the bar."""

    system: str
    role: str
    about: str
    start: float
    end: float
    since: float
    until: float


def _segments(system: str, name: str, stages: Mapping[str, float]) -> Iterator[_Segment]:
    start, total = 0.0, sum(stages.values())
    for stage, ms in stages.items():
        role = stage.split("/")[0]
        about = plain(f"{system}, {stage}: {_ms(ms)}")
        shares = start / total, (start + ms) / total
        yield _Segment(name, role if role in ROLES else "other", about, start, start + ms, *shares)
        start += ms


def _bars(timing: Timing, stages: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    import altair as alt

    names = short(stages, NAME)
    segments = [segment for system, parts in stages.items() for segment in _segments(system, names[system], parts)]
    totals = [
        {"system": names[system], "end": sum(parts.values()), "label": _median(timing, system)}
        for system, parts in stages.items()
    ]
    shown = [role for role in (*ROLES, "other") if any(segment.role == role for segment in segments)]
    colour = alt.Color("role:N", title=None).scale(domain=shown, range=[ROLES.get(role, GREY) for role in shown])
    y = alt.Y("system:N", title=None, sort=None).scale(domain=list(names.values()))
    room = LETTER * max(map(len, names.values())) + 8
    named = y.axis(labelLimit=0, minExtent=room, grid=False, ticks=False, domain=False)
    bars = chart([segment._asdict() for segment in segments]).mark_bar(height=ROW - 6, stroke=INK, strokeWidth=0.4)
    bars = bars.encode(color=colour, description="about:N")
    most = max(segment.end for segment in segments)
    ms = alt.X("start:Q", title=f"p50 latency on {plain(timing.machine, most=40)}, ms").axis(tickCount=6)
    ms = ms.scale(domain=[0, most * 1.15], nice=False)
    share = alt.X("since:Q", title="share of each stage").scale(domain=[0, 1]).axis(format="%", values=[0, 0.5, 1])
    labels = chart(totals).mark_text(align="left", dx=5, color=INK).encode(x="end:Q", y=y, text="label:N")
    height = ROW * len(stages)
    left = alt.layer(bars.encode(x=ms, x2="end:Q", y=named), labels).properties(width=380, height=height)
    right = bars.encode(x=share, x2="until:Q", y=y.axis(None)).properties(width=170, height=height)
    return styled(alt.hconcat(left, right), columns=len(ROLES) + 1)


def _median(timing: Timing, system: str) -> str:
    return numbers.spread(timing.value(system, "latency_p50"))[0]


def lengths(results: Results, comparison: Comparison, timing: Timing) -> list[Figure]:
    """Draw latency against the length of the query; [] if the laps do not show it.

    The reference and the systems on the front of quality and latency are coloured, the fastest first, as far as the
    colours last; all others are grey.
    """
    series = by_length(results, timing)
    if not series:
        return []
    coloured = _coloured(comparison, timing, list(series))
    title = f"Latency and the length of the query on {timing.dataset}"
    descriptions = (
        f"{system}: {_ms(points[0][1])} at {points[0][0]:.0f} characters, "
        f"{_ms(points[-1][1])} at {points[-1][0]:.0f} characters"
        for system, points in series.items()
    )
    note = "Each point is the median of all laps of queries of similar length."
    if len(coloured) < len(series):
        note += (
            " Coloured: the reference, and the systems that no other is both faster and better than. Grey: all others."
        )
    alt = f"{title}. {'; '.join(descriptions)}."
    return [Figure(title, note, alt, inline(_lines(series, coloured, timing.machine), alt))]


def _coloured(comparison: Comparison, timing: Timing, systems: list[str]) -> list[str]:
    if len(systems) <= len(COLOURS):
        return systems
    values = {entry.system: entry.value for entry in comparison.entries}
    points = [
        Point(ms, value, [system], Standing.UNKNOWN)
        for system in systems
        if (ms := timing.value(system, "latency_p50")) is not None and (value := values.get(system)) is not None
    ]
    front = [point.name for point in pareto(points, 1 + (timing.noise_floor or 0))]
    chosen = dict.fromkeys(system for system in (timing.reference, *front) if system in systems)
    return list(chosen)[: len(COLOURS)]


class _Dot(NamedTuple):
    """The median latency of a system for queries of similar length; `shown` is its name in the legend."""

    system: str
    shown: str
    chars: float
    ms: float
    about: str


def _dots(series: Mapping[str, list[tuple[float, float]]], names: Mapping[str, str]) -> Iterator[_Dot]:
    """Yield the grey dots first, so that they are drawn below the others."""
    for system in sorted(series, key=lambda system: system in names):
        shown = names.get(system, OTHERS)
        for chars, ms in series[system]:
            yield _Dot(plain(system), shown, chars, ms, plain(f"{system}: {_ms(ms)} at {chars:.0f} characters"))


def _lines(series: Mapping[str, list[tuple[float, float]]], coloured: list[str], machine: str) -> dict[str, Any]:
    import altair as alt

    coloured_names = short(coloured, NAME)
    dots = list(_dots(series, coloured_names))
    names = [*coloured_names.values(), *([OTHERS] if len(coloured) < len(series) else [])]
    colours, shapes = (
        [*COLOURS[: len(coloured)], GREY][: len(names)],
        [*SHAPES[: len(coloured)], "circle"][: len(names)],
    )
    times, sizes = [dot.ms for dot in dots], [dot.chars for dot in dots]
    low, high, room = min(times) / 1.3, max(times) * 1.3, 0.03 * (max(sizes) - min(sizes))
    x = alt.X("chars:Q", title="characters of the query")
    y = alt.Y("ms:Q", title=f"latency on {plain(machine, most=30)}, ms").scale(
        type="log", domain=[low, high], nice=False
    )
    base = chart([dot._asdict() for dot in dots]).encode(
        x=x.scale(domain=[min(sizes) - room, max(sizes) + room], nice=False),
        y=y.axis(values=ticks(low, high), labelExpr=ROUND),
        color=alt.Color("shown:N", title=None).scale(domain=names, range=colours),
        detail="system:N",
    )
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        shape=alt.Shape("shown:N", title=None).scale(domain=names, range=shapes), description="about:N"
    )
    columns = 2 if max(map(len, names)) > NAME / 2 else 3
    return styled(sized(alt.layer(base.mark_line(strokeWidth=1.5, opacity=0.8), points)), columns=columns)


def _ms(value: float) -> str:
    return f"{numbers.spread(value)[0]} ms"
