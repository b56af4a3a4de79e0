"""The section about latency: how it was measured, each system beside the reference, what was not timed and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.report import numbers
from harness.report.comparison import Comparison
from harness.report.costs import Costs
from harness.report.document import Block, Cell, Column, Items, Paragraph, Section, Table, say, strong
from harness.report.latency_pictures import lengths, quality_and_money, quality_and_time, stage_bars
from harness.report.modes import modes
from harness.report.timed import Timing, number, timings
from harness.report.tradeoffs import sentences
from harness.results import Results

CAPTION = (
    "Milliseconds from the text of a query to its ranking, one query at a time; 95 % intervals in brackets. {ratio}"
    "A percentile that so few laps cannot support is not printed."
)
RATIO = "Ratio: the median over queries of a system's lap over the reference's lap of the same query and block. "
NO_VERDICT = (
    "the reference was measured twice in each block, and the two measurements differ by {again}: the machine was too "
    "unsteady for the ratios to be believed, and none are given"
)
STOPPED = {"interval": "when every ratio was known closely enough", "budget": "when its time was spent"}


def sections(results: Results, comparison: Comparison, money: Mapping[str, Costs]) -> Iterator[Section]:
    """Give a section for each machine that timed systems on the data set; none where nothing was timed.

    `money` is what each system costs.
    """
    found = timings(results, comparison.dataset)
    for timing in found:
        where = f", on {timing.machine}" if len(found) > 1 else ""
        blocks = [*_told(results, timing), *_compared(results, comparison, timing, money), *_left_out(timing)]
        yield Section(f"Latency on {timing.dataset}{where}", (*blocks, *modes(timing)))


def calls(results: Results) -> Iterator[Paragraph]:
    """Say which measurements of latency are not to be believed."""
    for dataset in results.datasets:
        for timing in timings(results, dataset):
            if timing.inconclusive:
                yield say(strong(f"Latency on {dataset} is inconclusive"), f": {_no_verdict(timing)}.")


def _no_verdict(timing: Timing) -> str:
    return NO_VERDICT.format(again=_again(timing) or "more than chance")


def _again(timing: Timing) -> str:
    said = timing.said.get("again")
    numbers_of = [number(said.get(key)) for key in ("ratio", "low", "high")] if isinstance(said, dict) else []
    return " ".join(numbers.spread(*numbers_of)) if numbers_of and numbers_of[0] is not None else ""


def _told(results: Results, timing: Timing) -> Iterator[Paragraph]:
    """Say how it was measured, as far as the results say."""
    if timing.inconclusive:
        yield say(strong("Inconclusive"), f": {_no_verdict(timing)}.")
    if timing.said and timing.systems:
        yield say(f"Measured on {_machine(results, timing)}. ", *_how(timing))
    else:
        yield say(f"Measured on {timing.machine}.")


def _machine(results: Results, timing: Timing) -> str:
    facts = results.part("machine")
    cores = facts.get("cores")
    known = (
        [facts.get("cpu"), cores and f"{cores} cores", facts.get("gpu")] if facts.get("id") == timing.machine else []
    )
    known += [f"device {timing.said['device']}"] if timing.said.get("device") else []
    threads = timing.said.get("threads")
    known += [f"{threads} thread{'s' if threads != 1 else ''}"] if threads else []
    return timing.machine + (f" ({', '.join(numbers.fact(one) for one in known if one)})" if any(known) else "")


def _how(timing: Timing) -> Iterator[str]:
    said, known = timing.said, {key: number(value) for key, value in timing.said.items()}
    if known.get("queries") is not None:
        blocks = f" in {numbers.count(known['blocks'])} blocks" if known.get("blocks") is not None else ""
        yield f"{numbers.count(known['queries'])} queries{blocks}; in each block every query goes through every system"
        yield (
            f", in an order drawn with seed {numbers.count(known['seed'])}. " if known.get("seed") is not None else ". "
        )
    if known.get("laps") is not None:
        yield f"{numbers.count(known['laps'])} laps. "
    warm = said.get("warm_up")
    if isinstance(warm, dict):
        took = numbers.quantity(number(warm.get("seconds")), "s")
        ended = f" (ended: {numbers.fact(warm['stopped'])})" if warm.get("stopped") else ""
        yield f"Warm-up: {numbers.count(number(warm.get('laps')))} laps, {took}, left out{ended}. "
    if said.get("stopped"):
        yield f"Measuring stopped {STOPPED.get(str(said['stopped']), numbers.fact(said['stopped']))}. "
    if (again := _again(timing)) and timing.reference:
        floor = f", so the noise floor is ±{timing.noise_floor:.1%}" if timing.noise_floor is not None else ""
        yield f"The reference {timing.reference} against itself: {again}{floor}."


def _compared(results: Results, comparison: Comparison, timing: Timing, money: Mapping[str, Costs]) -> Iterator[Block]:
    if not timing.systems:
        return
    said = sentences(results, comparison, timing, money)
    if said:
        yield say(f"Against the reference, {timing.reference}:")
        yield Items(tuple(said))
    yield table(timing)
    yield from quality_and_time(comparison, timing)
    yield from quality_and_money(comparison, money)
    yield from stage_bars(timing)
    yield from stage_table(timing)
    yield from lengths(results, comparison, timing)


def table(timing: Timing) -> Table:
    """Put the systems under the percentiles, the fastest first, with the ratio to the reference."""
    whole = {key[2] for key, row in timing.rows.items() if key[1] is None and not row.failed}
    heads = [name for name in ("p50", "p90", "p95", "p99", "max") if f"latency_{name}" in whole and name != "p90"]
    shown = "latency_ratio" in whole and not timing.inconclusive
    floor = f" (noise floor ±{timing.noise_floor:.1%})" if shown and timing.noise_floor is not None else ""
    ratio = [Column(f"ratio to {timing.reference}{floor}", numeric=True)] if shown else []
    columns = (Column("system"), *(Column(f"{head}, ms", numeric=True) for head in heads), *ratio)
    rows = []
    for system in timing.systems:
        cells = [_time(timing, system, head) for head in heads]
        rows.append((Cell(system), *cells, *([_ratio(timing, system)] if shown else [])))
    return Table(CAPTION.format(ratio=RATIO if shown else ""), columns, tuple(rows))


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
    """Say what each stage of a system takes, in the order in which they work."""
    rows = [
        (Cell(system), Cell(" → ".join(f"{stage} {numbers.spread(ms)[0]}" for stage, ms in stages.items())))
        for system in timing.systems
        if (stages := timing.stages(system))
    ]
    if rows:
        caption = "Medians in ms; those of the stages need not add up to the median of the whole."
        yield Table(caption, (Column("system"), Column("stages")), tuple(rows), "What each stage takes")


def _left_out(timing: Timing) -> Iterator[Table]:
    rows = tuple((Cell(system), Cell(reason)) for system, reason in timing.left_out.items())
    if rows:
        columns = (Column("system"), Column("reason"))
        yield Table("These systems have no latency, and no part in the comparison.", columns, rows, "Not timed")
