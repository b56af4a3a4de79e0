"""The sections about quality: the best system, all systems side by side, and the same by tag of the query."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.compare.comparison import Comparison, Entry, Standing, query_ids, query_values
from harness.report import numbers
from harness.report.document import Block, Cell, Column, Items, Paragraph, Strip, Table, say, strong
from harness.results import Results

MOST_TAGS = 12
"""The largest number of tags that a table shows, the most frequent first."""
MARKS = {Standing.BEST: "★", Standing.TIED: "≈"}
"""The mark after the name of a system that is the best, or not separable from it on this data set."""
LEGEND = (
    "★ highest {measure}; ≈ not separable from it: the 95 % interval of the paired difference over queries (bootstrap) "
    "contains zero, each system on its own. The best value of a column is bold. {counted}The 95 % bootstrap interval "
    "follows {measure}."
)
RECALL_LEGEND = (
    " Index recall: the share of exact search's first k documents, over the same vectors, that the approximate index "
    "finds; it says nothing about relevance, and exact search has none."
)


def headline(comparison: Comparison) -> Paragraph:
    """Return a sentence that names the best system, and those that cannot be told from it."""
    best = comparison.best
    if best is None or best.headline is None:
        return say(strong(comparison.dataset), ": no system has a number to compare.")
    row = best.headline
    spread = numbers.interval(row.low, row.high)
    details = [f"95 % interval {spread}"] if spread else []
    details += [f"{numbers.count(row.n)} queries"] if row.n else []
    support = f" ({', '.join(details)})" if details else ""
    result = f" has the highest {comparison.headline}, {numbers.measure(row.value)}{support}. "
    return say(strong(comparison.dataset), ": ", strong(best.system), result, *_rivals(comparison))


def _rivals(comparison: Comparison) -> Iterator[str]:
    tied, unknown = comparison.having(Standing.TIED), comparison.having(Standing.UNKNOWN)
    behind = comparison.having(Standing.BEHIND)
    if tied:
        yield f"These queries cannot tell it from {numbers.some(tied)}. "
    elif behind:
        yield "It is separable from every system it was compared with. "
    if unknown:
        yield f"Not compared, because values per query are missing: {numbers.some(unknown)}. "
    if failed := comparison.having(Standing.FAILED):
        yield f"Failed: {numbers.some(failed)}."


def table(comparison: Comparison) -> Table:
    """Return the systems with their measures, sizes and median latency."""
    measures = comparison.measures
    columns = [Column("system"), *(Column(measure, numeric=True) for measure in measures)]
    columns += [Column("index", numeric=True), Column("dimensions", numeric=True)]
    timed = any(entry.latency_p50 is not None for entry in comparison.entries)
    columns += [Column("p50, ms", numeric=True)] if timed else []
    cuts = comparison.recall_cuts
    heads = [f"index recall@{k}" for k in cuts]
    heads += ["in memory", *(f"build ({machine})" for machine in comparison.builders)] if cuts else []
    columns += [Column(head, numeric=True) for head in heads]
    highest = {measure: numbers.measure(comparison.highest(measure)) for measure in measures}
    scale = _scale(comparison)
    rows = []
    for entry in comparison.entries:
        cells = [
            _number(entry, measure, highest[measure], scale if i == 0 else None) for i, measure in enumerate(measures)
        ]
        size = Cell(numbers.quantity(entry.index_bytes, "bytes"))
        dimensions = Cell(numbers.count(entry.dimensions), note=_active(entry))
        rows.append(
            (
                Cell(entry.system, note=MARKS.get(entry.standing, "")),
                *cells,
                size,
                dimensions,
                *([Cell(numbers.spread(entry.latency_p50)[0])] if timed else []),
                *_index(comparison, entry),
            )
        )
    counts = sorted({e.headline.n for e in comparison.entries if e.headline and e.headline.n})
    counted = f"{' or '.join(map(numbers.count, counts))} queries. " if counts else ""
    caption = LEGEND.format(measure=comparison.headline or "measure", counted=counted)
    return Table(caption + (RECALL_LEGEND if cuts else ""), tuple(columns), tuple(rows))


def _index(comparison: Comparison, entry: Entry) -> list[Cell]:
    """Return the recall, memory and build times of an approximate index; [] if no system has one."""
    if not comparison.recall_cuts:
        return []
    recall = [numbers.measure(entry.index_recall.get(k)) for k in comparison.recall_cuts]
    built = [numbers.quantity(entry.build_seconds.get(machine), "s") for machine in comparison.builders]
    return [*map(Cell, recall), Cell(numbers.quantity(entry.index_memory_bytes, "bytes")), *map(Cell, built)]


def _active(entry: Entry) -> str:
    """Return the mean numbers of non-zero dimensions of sparse vectors."""
    if entry.active_dims is None:
        return ""
    return f"{numbers.count(entry.active_dims)} active, in queries {numbers.count(entry.query_active_dims)}"


def _scale(comparison: Comparison) -> tuple[float, float] | None:
    """Return the ends of the scale on which intervals are drawn; None if there are no intervals."""
    rows = [e.headline for e in comparison.entries if e.headline]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    return (min(ends), max(ends)) if ends and min(ends) < max(ends) else None


def _number(entry: Entry, measure: str, highest: str, scale: tuple[float, float] | None) -> Cell:
    row = entry.measures.get(measure)
    if row is None or row.value is None:
        return Cell("failed" if (row and row.failed) or entry.standing is Standing.FAILED else numbers.NOTHING)
    text = numbers.measure(row.value)
    is_headline = entry.headline is row
    strip = None
    if scale and row.low is not None and row.high is not None:
        low, high = scale
        strip = Strip(*((end - low) / (high - low) for end in (row.low, row.value, row.high)))
    note = numbers.interval(row.low, row.high) if is_headline else ""
    return Cell(text, strong=text == highest and highest != numbers.NOTHING, note=note, strip=strip)


def by_tag(results: Results, comparison: Comparison) -> list[Block]:
    """Return the headline measure by tag of the query, the most frequent tag first; [] if no query has a tag."""
    tags = results.tags()
    tags = tags.filter(pc.equal(tags["dataset"], comparison.dataset))
    columns = query_values(results, comparison.dataset, comparison.headline)
    if not tags.num_rows or not columns:
        return []
    members = _members(results, comparison, tags)
    shown = sorted(members, key=lambda tag: (-int(members[tag].sum()), tag))[:MOST_TAGS]
    means = {
        (entry.system, tag): _mean(columns[entry.system][members[tag]])
        for entry in comparison.entries
        for tag in shown
        if entry.system in columns
    }
    best = {tag: max(numbers.measure(mean) for (_, other), mean in means.items() if other == tag) for tag in shown}
    rows = []
    for entry in comparison.entries:
        texts = [(numbers.measure(means.get((entry.system, tag))), tag) for tag in shown]
        cells = (Cell(text, strong=text == best[tag] != numbers.NOTHING) for text, tag in texts)
        rows.append((Cell(entry.system, note=MARKS.get(entry.standing, "")), *cells))
    heads = (Column(f"{tag} ({int(members[tag].sum())})", numeric=True) for tag in shown)
    title = f"{comparison.headline} by tag of the query"
    caption = "In brackets: the number of judged queries with the tag; a mean over few queries says little."
    blocks: list[Block] = [Table(caption, (Column("system"), *heads), tuple(rows), title)]
    rest = len(members) - len(shown)
    return blocks + ([Items((f"{rest} rarer tags are not shown; they are in tags.parquet.",))] if rest else [])


def _members(results: Results, comparison: Comparison, tags: pa.Table) -> dict[str, np.ndarray]:
    """Return for each tag which of the judged queries have it, bool[queries]."""
    scored = results.per_query()
    headline = pc.and_(
        pc.equal(scored["dataset"], comparison.dataset), pc.equal(scored["quantity"], comparison.headline)
    )
    queries = query_ids(scored.filter(headline))
    members = {}
    for tag in pc.unique(tags["tag"]).to_pylist():
        tagged = tags.filter(pc.equal(tags["tag"], tag))["query_id"].combine_chunks()
        member = pc.is_in(queries, value_set=tagged).to_numpy(zero_copy_only=False)
        if member.any():
            members[tag] = member
    return members


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
