"""What approximate indexes cost: quality and recall against exact search, by bytes a vector, a panel a similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.compare.comparison import Comparison
from harness.meter import size
from harness.report import numbers
from harness.report.document import Figure
from harness.report.numbers import plain
from harness.report.pictures.drawing import COLOURS, GREY, HEIGHT, INK, SHAPES, WIDTH, dressed, ticks
from harness.report.pictures.quality import BYTES
from harness.report.pictures.svg import inline
from harness.results import Results

MOST_PANELS = 3


@dataclass(frozen=True)
class Dot:
    """A system with one index over vectors. `recall` is 1 where the search is exact."""

    system: str
    index: str
    similarity: str
    bytes: float
    value: float
    recall: float


def index_curves(results: Results, comparison: Comparison) -> list[Figure]:
    """Draw both for systems that have one index of vectors; [] where none is approximate or all are of one size."""
    dots = index_dots(results, comparison)
    if not comparison.recall_cuts or len({dot.bytes for dot in dots}) < 2:
        return []
    k = comparison.recall_cuts[0]
    title = f"{comparison.headline}, index recall@{k} and bytes a vector on {comparison.dataset}"
    said = (
        f"{dot.system}: {size(dot.bytes)} a vector, {comparison.headline} {numbers.measure(dot.value)}, "
        f"index recall {numbers.measure(dot.recall)}"
        for dot in dots
    )
    note = (
        "Bytes a vector: those of the index in memory, over the documents. Each line is one type of index with one "
        "similarity, over more and more dimensions. Index recall is held against exact search of the same dimensions."
    )
    alt = f"{title}. {'; '.join(said)}."
    return [Figure(title, note, alt, inline(_panels(dots, comparison.headline, k), alt))]


def index_dots(results: Results, comparison: Comparison) -> list[Dot]:
    """Return the systems that are vectors and one index, by index and size."""
    documents = (results.part("datasets").get(comparison.dataset) or {}).get("documents")
    found = []
    for entry in comparison.entries:
        stage = _index_of(results.part("systems").get(entry.system))
        if stage is None or not documents or not entry.index_memory_bytes or entry.value is None:
            continue
        recall = entry.index_recall.get(comparison.recall_cuts[0], 1.0) if comparison.recall_cuts else 1.0
        said = [plain(numbers.fact(stage.get(word, default)), 30) for word, default in _WORDS.items()]
        found.append(Dot(entry.system, said[0], said[1], entry.index_memory_bytes / documents, entry.value, recall))
    return sorted(found, key=lambda dot: (dot.similarity, dot.index, dot.bytes))


_WORDS = {"index": "", "similarity": "cosine"}


def _index_of(system: Any) -> Mapping[str, Any] | None:
    """Return the words of the one index, behind an encoder; None for any other chain."""
    stages = system.get("stages") if isinstance(system, Mapping) else None
    said = [stage for stage in stages or () if isinstance(stage, dict)]
    indexes = [stage for stage in said if "index" in stage]
    plainly = all({"encode", "reduce", "index"} & {*stage} for stage in said)
    return indexes[0] if len(indexes) == 1 and plainly and any("encode" in stage for stage in said) else None


def _panels(dots: list[Dot], measure: str, k: int) -> dict[str, Any]:
    import altair as alt

    words = list(dict.fromkeys(dot.similarity for dot in dots))[:MOST_PANELS]
    indexes = sorted({dot.index for dot in dots})
    colours = [COLOURS[i] if i < len(COLOURS) else GREY for i in range(len(indexes))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(indexes))]
    colour = alt.Color("index:N", title=None).scale(domain=indexes, range=colours)
    shape = alt.Shape("index:N", title=None).scale(domain=indexes, range=shapes)
    ends = [min(dot.bytes for dot in dots) / 1.3, max(dot.bytes for dot in dots) * 1.3]
    width = (WIDTH - 60 * (len(words) - 1)) / len(words)

    def panel(word: str, field: str, title: str) -> Any:
        rows = [asdict(dot) for dot in dots if dot.similarity == word]
        base = alt.Chart({"values": rows}).encode(
            x=alt.X("bytes:Q", title="bytes a vector")
            .scale(type="log", domain=ends, nice=False)
            .axis(values=ticks(*ends), labelExpr=BYTES),
            y=alt.Y(f"{field}:Q", title=title).scale(domain=_domain(dots, field), nice=False),
            color=colour,
        )
        lines, points = base.mark_line(strokeWidth=1.5, opacity=0.7), base.mark_point(filled=True, size=60, opacity=1)
        name = alt.TitleParams(word, color=INK, fontWeight="normal")
        return alt.layer(lines, points.encode(shape=shape)).properties(width=width, height=HEIGHT * 0.7, title=name)

    grid = alt.vconcat(
        alt.hconcat(*(panel(word, "value", plain(measure)) for word in words)),
        alt.hconcat(*(panel(word, "recall", f"index recall@{k}") for word in words)),
    )
    return dressed(grid, letters=11, columns=len(COLOURS))


def _domain(dots: list[Dot], field: str) -> list[float]:
    values = [getattr(dot, field) for dot in dots]
    room = 0.06 * ((max(values) - min(values)) or 0.1)
    return [min(values) - room, max(values) + room]
