"""The section about latency: how it was measured, each system beside the reference, and what could not be measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.compare.comparison import Comparison
from harness.compare.costs import Costs
from harness.report import numbers
from harness.report.document import Block, Cell, Column, Items, Section, Table, say, strong
from harness.report.pictures.latency import lengths, quality_and_time, stage_bars
from harness.report.sections.conditions import conditions, percent
from harness.report.sections.modes import modes
from harness.report.sections.tradeoffs import sentences
from harness.results import Results
from harness.results.laps import RATIO_CONFIDENCE
from harness.results.left_out import Unmeasured
from harness.results.timings import Timing, timings

CAPTION = (
    "Milliseconds from the text of a query to its ranking, one query at a time; 95 % intervals in brackets. A "
    "percentile that the number of laps cannot support is not printed."
)
RATIO = (
    " Ratio: the median, over laps, of the time that a system took over the time that the reference took for the same "
    "query in the same visit, with its {confidence} interval; below the noise floor two systems cannot be told apart."
)
STAGES = "Medians in ms, in the order in which the stages run; they need not add up to the median of the whole system."


def sections(results: Results, comparison: Comparison, money: Mapping[str, Costs]) -> Iterator[Section]:
    """Yield a section for each machine that timed systems on the data set; none if nothing was timed.

    `money` holds the costs of each system.
    """
    for timing in timings(results, comparison.dataset):
        blocks = (
            *conditions(results, timing),
            *_compared(results, comparison, timing, money),
            *modes(timing),
            *_left_out(timing),
        )
        yield Section(f"Latency on {timing.dataset} ({timing.machine})", blocks)


def _compared(results: Results, comparison: Comparison, timing: Timing, money: Mapping[str, Costs]) -> Iterator[Block]:
    if not timing.systems:
        return
    if tradeoffs := sentences(results, comparison, timing, money):
        intervals = f" (95 % intervals of differences, {percent(RATIO_CONFIDENCE)} of ratios):"
        yield say("Compared with the reference, ", strong(timing.reference or ""), intervals)
        yield Items(tuple(tradeoffs))
    yield table(timing)
    yield from quality_and_time(comparison, timing)
    yield from stage_bars(timing)
    yield from stage_table(timing)
    yield from lengths(results, comparison, timing)


def table(timing: Timing) -> Table:
    """Return the systems with their percentiles, the fastest first, and the ratio to the reference."""
    whole = {row.quantity for row in timing.rows if row.stage is None and not row.failed}
    heads = [name for name in ("p50", "p90", "p95", "p99", "max") if f"latency_{name}" in whole]
    columns = [Column("system"), *(Column(f"{head}, ms", numeric=True) for head in heads)]
    rows = [(Cell(system), *(_time(timing, system, head) for head in heads)) for system in timing.systems]
    if "latency_ratio" not in whole or timing.inconclusive:
        return Table(CAPTION, tuple(columns), tuple(rows))
    floor = "" if timing.noise_floor is None else f" (noise floor ±{percent(timing.noise_floor)})"
    columns.append(Column(f"ratio to {timing.reference}{floor}", numeric=True))
    compared = tuple((*row, _ratio(timing, row[0].text)) for row in rows)
    return Table(CAPTION + RATIO.format(confidence=percent(RATIO_CONFIDENCE)), tuple(columns), compared)


def _time(timing: Timing, system: str, head: str) -> Cell:
    row = timing.row(system, f"latency_{head}")
    if row is None:
        return Cell(numbers.NOTHING)
    text, spread = numbers.spread(row.value, row.low, row.high)
    return Cell(text, note=f"of {numbers.count(row.n)}" if head == "max" and row.n else spread)


def _ratio(timing: Timing, system: str) -> Cell:
    if system == timing.reference:
        return Cell("1", note="the reference")
    row = timing.row(system, "latency_ratio")
    text, spread = numbers.spread(row.value, row.low, row.high) if row else (numbers.NOTHING, "")
    return Cell(text, note=spread)


def stage_table(timing: Timing) -> Iterator[Table]:
    """Show the median of each stage of a system, in the order in which the stages run."""
    rows = [
        (Cell(system), Cell(" → ".join(f"{stage} {numbers.spread(ms)[0]}" for stage, ms in stages.items())))
        for system in timing.systems
        if (stages := timing.stages(system))
    ]
    if rows:
        yield Table(STAGES, (Column("system"), Column("stages")), tuple(rows), "Latency of each stage")


def _left_out(timing: Timing) -> Iterator[Table]:
    rows = []
    for mode, missing in timing.left_out:
        rows += [(system, mode or "latency", reason) for system, reason in missing.systems.items()]
        rows += [("every system", failed, reason) for failed, reason in missing.modes.items()]
        rows += [(entry.system, _quantity(mode, entry), entry.reason) for entry in missing.quantities]
    if rows:
        heads = (Column("system"), Column("quantity"), Column("reason"))
        cells = tuple(tuple(map(Cell, row)) for row in rows)
        yield Table("Quantities without a number, and the reasons.", heads, cells, "Not measured")


def _quantity(mode: str | None, missing: Unmeasured) -> str:
    name = " ".join(part for part in (missing.stage, missing.quantity) if part)
    return f"{mode}: {name}" if mode else name
