"""Pictures of quality against size, cost and dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.compare.comparison import Comparison
from harness.compare.costs import Costs
from harness.meter import size
from harness.report import numbers
from harness.report.document import Figure
from harness.report.numbers import plain
from harness.report.pictures.drawing import COLOURS, ROUND, SHAPES, chart, sized, styled
from harness.report.pictures.scatter import ALIKE, Axis, Spread, against
from harness.report.pictures.svg import inline
from harness.results import Results
from harness.results.facts import SystemFacts

BYTES = "replace(format(datum.value, '~s'), /([kMGTP]?)$/, ' $1B')"
"""The format of a size at an axis, as an expression of Vega."""
SIZE = Axis("index size", "index size", size, BYTES)


def quality_and_size(comparison: Comparison) -> list[Figure]:
    """Draw quality against index size with the Pareto front; [] if fewer than two systems have both."""
    sizes = {entry.system: Spread(entry.index_bytes) for entry in comparison.entries if entry.index_bytes}
    better = f"both smaller (by more than {ALIKE - 1:.0%}) and better"
    return against(comparison, SIZE, sizes, better)


def quality_and_money(comparison: Comparison, money: Mapping[str, Costs], inconclusive: bool = False) -> list[Figure]:
    """Draw quality against the cost of a million queries, with one picture per basis: other costs do not compare.

    If the times that the costs follow from are inconclusive, no front is drawn.
    """
    figures = []
    for basis, currency in dict.fromkeys((costs.basis, costs.currency) for costs in money.values()):
        amounts = {
            system: Spread(costs.per_1m_queries)
            for system, costs in money.items()
            if costs.basis == basis and costs.per_1m_queries is not None
        }
        axis = Axis(f"{currency} per 1 M queries", f"{currency} per 1 M queries", _amount(currency), ROUND)
        better = "" if inconclusive else f"both cheaper (by more than {ALIKE - 1:.0%}) and better"
        note = f"{basis[:1].upper()}{basis[1:]}." if basis else ""
        note += " No front: the times are inconclusive." if inconclusive else ""
        figures += against(comparison, axis, amounts, better, note=note)
    return figures


def _amount(currency: str) -> Callable[[float], str]:
    return lambda value: numbers.money(value, currency)


def dimension_curves(results: Results, comparison: Comparison) -> list[Figure]:
    """Draw quality against dimensions, with a line for systems that differ in nothing else.

    Returns [] if there are no such systems, or more lines than colours.
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
    note = "Bars: 95 % interval of each system on its own. Systems with the same dimensions are drawn side by side."
    return [Figure(title, note, alt, inline(_curves(series, comparison.headline), alt))]


def curves(results: Results, comparison: Comparison) -> dict[str, list[dict[str, Any]]]:
    """Return the systems that have dimensions, grouped by all other settings of their stages, fewest dimensions first.

    A group is named by the settings that distinguish it from the others.
    """
    groups: dict[frozenset[str], list[dict[str, Any]]] = {}
    for entry in comparison.entries:
        if entry.value is None or not entry.dimensions:
            continue
        row = entry.headline
        ends = {"low": row.low, "high": row.high} if row and row.low is not None and row.high is not None else {}
        about = plain(f"{entry.system}: {numbers.measure(entry.value)}, {entry.dimensions:.0f} dimensions")
        point = {"dimensions": entry.dimensions, "value": entry.value, "about": about, **ends}
        groups.setdefault(_settings(results.facts.systems.get(entry.system, SystemFacts())), []).append(point)
    common = frozenset.intersection(*groups) if groups else frozenset()
    named = {
        " ".join(sorted(settings - common)) or "all": sorted(rows, key=lambda row: row["dimensions"])
        for settings, rows in groups.items()
    }
    return dict(sorted(named.items()))


def _settings(system: SystemFacts) -> frozenset[str]:
    """Return the settings of the stages of a system, except for a truncation to fewer dimensions."""
    kept = [stage for stage in system.stages if stage.get("reduce") != "truncate"]
    settings = {f"{key} {numbers.fact(value)}" for stage in kept for key, value in stage.items() if key != "similarity"}
    return frozenset(settings | {numbers.fact(stage["similarity"]) for stage in kept if "similarity" in stage})


def _curves(series: Mapping[str, list[dict[str, Any]]], measure: str) -> dict[str, Any]:
    import altair as alt

    rows = [{"series": plain(name, most=60), **row} for name, points in series.items() for row in points]
    names = list(dict.fromkeys(row["series"] for row in rows))
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(names))]
    base = chart(rows).encode(
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
    return styled(sized(alt.layer(*layers)))
