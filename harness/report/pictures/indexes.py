"""Quality and recall of approximate indexes by bytes per vector, with one panel per similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.compare.comparison import Comparison
from harness.meter import size
from harness.report import numbers
from harness.report.document import Figure
from harness.report.numbers import plain
from harness.report.pictures.drawing import COLOURS, GREY, HEIGHT, INK, SHAPES, WIDTH, styled, ticks
from harness.report.pictures.quality import BYTES
from harness.report.pictures.svg import inline
from harness.results import Results
from harness.results.facts import DatasetFacts, SystemFacts

MOST_PANELS = 3
"""The largest number of similarities, each of which has a panel."""
DEFAULTS = {"index": "", "similarity": "cosine"}
"""The settings of an index that group its points, with their defaults."""


@dataclass(frozen=True)
class Dot:
    """A system with one index over vectors; `bytes` is per vector, `recall` is 1 for exact search."""

    system: str
    index: str
    similarity: str
    bytes: float
    value: float
    recall: float


def index_curves(results: Results, comparison: Comparison) -> list[Figure]:
    """Draw systems with one index over vectors; [] if none is approximate or all have the same size."""
    dots = index_dots(results, comparison)
    if not comparison.recall_cuts or len({dot.bytes for dot in dots}) < 2:
        return []
    k = comparison.recall_cuts[0]
    title = f"{comparison.headline}, index recall@{k} and bytes per vector on {comparison.dataset}"
    descriptions = (
        f"{dot.system}: {size(dot.bytes)} per vector, {comparison.headline} {numbers.measure(dot.value)}, "
        f"index recall {numbers.measure(dot.recall)}"
        for dot in dots
    )
    note = (
        "Bytes per vector: size of the index in memory over the number of documents. Each line is one type of index "
        "with one similarity and increasing dimensions. Index recall compares with exact search in the same dimensions."
    )
    alt = f"{title}. {'; '.join(descriptions)}."
    return [Figure(title, note, alt, inline(_panels(dots, comparison.headline, k), alt))]


def index_dots(results: Results, comparison: Comparison) -> list[Dot]:
    """Return the systems that consist of an encoder and one index, ordered by similarity, index and size."""
    documents = results.facts.datasets.get(comparison.dataset, DatasetFacts()).documents
    dots = []
    for entry in comparison.entries:
        stage = _index_of(results.facts.systems.get(entry.system, SystemFacts()))
        if stage is None or not documents or not entry.index_memory_bytes or entry.value is None:
            continue
        recall = entry.index_recall.get(comparison.recall_cuts[0], 1.0) if comparison.recall_cuts else 1.0
        index, similarity = (plain(numbers.fact(stage.get(key, default)), 30) for key, default in DEFAULTS.items())
        dots.append(Dot(entry.system, index, similarity, entry.index_memory_bytes / documents, entry.value, recall))
    return sorted(dots, key=lambda dot: (dot.similarity, dot.index, dot.bytes))


def _index_of(system: SystemFacts) -> Mapping[str, Any] | None:
    """Return the settings of the only index, after an encoder; None for any other chain."""
    indexes = [stage for stage in system.stages if "index" in stage]
    plain_chain = all({"encode", "reduce", "index"} & {*stage} for stage in system.stages)
    encodes = any("encode" in stage for stage in system.stages)
    return indexes[0] if len(indexes) == 1 and plain_chain and encodes else None


def _panels(dots: list[Dot], measure: str, k: int) -> dict[str, Any]:
    import altair as alt

    similarities = list(dict.fromkeys(dot.similarity for dot in dots))[:MOST_PANELS]
    indexes = sorted({dot.index for dot in dots})
    colours = [COLOURS[i] if i < len(COLOURS) else GREY for i in range(len(indexes))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(indexes))]
    colour = alt.Color("index:N", title=None).scale(domain=indexes, range=colours)
    shape = alt.Shape("index:N", title=None).scale(domain=indexes, range=shapes)
    ends = [min(dot.bytes for dot in dots) / 1.3, max(dot.bytes for dot in dots) * 1.3]
    width = (WIDTH - 60 * (len(similarities) - 1)) / len(similarities)

    def panel(similarity: str, field: str, title: str) -> Any:
        rows = [asdict(dot) for dot in dots if dot.similarity == similarity]
        base = alt.Chart({"values": rows}).encode(
            x=alt.X("bytes:Q", title="bytes per vector")
            .scale(type="log", domain=ends, nice=False)
            .axis(values=ticks(*ends), labelExpr=BYTES),
            y=alt.Y(f"{field}:Q", title=title).scale(domain=_domain(dots, field), nice=False),
            color=colour,
        )
        lines, points = base.mark_line(strokeWidth=1.5, opacity=0.7), base.mark_point(filled=True, size=60, opacity=1)
        name = alt.TitleParams(similarity, color=INK, fontWeight="normal")
        return alt.layer(lines, points.encode(shape=shape)).properties(width=width, height=HEIGHT * 0.7, title=name)

    grid = alt.vconcat(
        alt.hconcat(*(panel(similarity, "value", plain(measure)) for similarity in similarities)),
        alt.hconcat(*(panel(similarity, "recall", f"index recall@{k}") for similarity in similarities)),
    )
    return styled(grid, font_size=11, columns=len(COLOURS))


def _domain(dots: list[Dot], field: str) -> list[float]:
    values = [getattr(dot, field) for dot in dots]
    room = 0.06 * ((max(values) - min(values)) or 0.1)
    return [min(values) - room, max(values) + room]
