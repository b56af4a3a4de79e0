"""Tables of the other modes of latency: throughput, response times under load, cold starts, memory and energy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.report import numbers
from harness.report.document import Block, Cell, Column, Paragraph, Table, say, strong
from harness.results import Measurement
from harness.results.quantities import find_quantity
from harness.results.timings import Timing

OFFLINE = "Offline mode: all input is loaded before the clock starts. 95 % intervals in brackets."
SERVER = (
    "Server mode: requests arrive at random (Poisson) at the offered rate, whether or not earlier ones are answered. A "
    "response time counts from the arrival of the request; a failed or late request counts as the time-out."
)
COLD = "Cold mode: medians over fresh processes, from their start to their first answer. 95 % intervals in brackets."
MEMORY = (
    "Peak of a fresh process that runs only this stage on the number of rows shown. PSS: a page that processes share "
    "counts only in part for each of them."
)
ENERGY = "From the counters of the hardware, less the energy of the idle machine. 95 % intervals in brackets."
COLD_HEADS = {
    "cold_import": "import, s",
    "cold_open": "open, s",
    "cold_first_query": "first query, s",
    "cold_total": "total, s",
}
MEMORY_HEADS = {
    "peak_rss_bytes": "resident",
    "peak_pss_bytes": "PSS",
    "peak_gpu_bytes": "GPU",
    "gpu_by_driver_bytes": "GPU (driver)",
}
LOAD_HEADS = {
    "server_p50@R": "p50, ms",
    "server_p95@R": "p95, ms",
    "server_p99@R": "p99, ms",
    "server_errors@R": "errors",
}
"""The heading of each quantity under load, by its name in the table of quantities."""


class Shared(NamedTuple):
    """The numbers of a stage by heading, and the systems that share them; `stage` is None for a whole system."""

    stage: str | None
    n: int | None
    systems: list[str]
    rows: Mapping[str, Measurement]


def modes(timing: Timing) -> Iterator[Block]:
    """Yield a table for each mode that was measured."""
    batches = _batches(timing)
    queries = {f"query_rate@{size}": f"batches of {size}" for size in batches}
    yield from _tables(timing, "Queries per second", OFFLINE, queries)
    documents = {f"encode_rate@{size}": f"batches of {size}" for size in batches}
    documents |= dict.fromkeys(("chunk_rate", "reduce_rate", "index_rate"), "all at once")
    yield from _tables(timing, "Documents per second", OFFLINE, documents)
    yield from server(timing)
    yield from _tables(timing, "Cold starts", COLD, COLD_HEADS, counted="starts")
    yield from _tables(timing, "Memory", MEMORY, MEMORY_HEADS, counted="rows")
    yield from _tables(timing, "Energy", ENERGY, {"energy_j_per_query": "J per query"})
    yield from energy(timing)


def _batches(timing: Timing) -> list[int]:
    """Return the batch sizes that were measured, ascending."""
    known = filter(None, (find_quantity(row.quantity) for row in timing.rows))
    return sorted({int(quantity.parts["B"]) for quantity in known if "B" in quantity.parts})


def energy(timing: Timing) -> Iterator[Paragraph]:
    """State whether energy could be read and, if not, why."""
    facts = timing.facts.energy
    if facts and facts.status:
        yield say(strong("Energy"), f": {facts.status}")


def _tables(timing: Timing, title: str, caption: str, heads: Mapping[str, str], counted: str = "") -> Iterator[Table]:
    """Yield a table of whole systems and one of stages, with some quantities; none if nothing was measured.

    `counted` is the heading of a column with the sample size n.
    """
    entries = shared(timing, heads)
    systems = sorted((entry for entry in entries if entry.stage is None), key=lambda e: timing.order(e.systems[0]))
    stages = [entry for entry in entries if entry.stage is not None]
    if systems:
        yield _table(title, caption, systems, heads, counted)
    if stages:
        yield _table(f"{title}, by stage" if systems else title, caption, stages, heads, counted)


def _table(title: str, caption: str, entries: list[Shared], heads: Mapping[str, str], counted: str) -> Table:
    """Return a table of whole systems or of stages; that of stages names the systems that share them."""
    staged = entries[0].stage is not None
    shown = [head for head in dict.fromkeys(heads.values()) if any(head in entry.rows for entry in entries)]
    columns = [Column("stage" if staged else "system")]
    columns += [Column(head, numeric=True) for head in (*([counted] if counted else []), *shown)]
    columns += [Column("used by")] if staged else []
    rows = []
    for entry in entries:
        cells = [Cell(numbers.count(entry.n))] if counted else []
        cells += [_cell(entry.rows.get(head)) for head in shown]
        cells += [Cell(numbers.some(entry.systems, most=3))] if staged else []
        rows.append((Cell(entry.stage or entry.systems[0]), *cells))
    return Table(caption, tuple(columns), tuple(rows), title)


def shared(timing: Timing, heads: Mapping[str, str]) -> list[Shared]:
    """Return the numbers of each stage once, however many systems share them, in the order of the results."""
    rows_of: dict[tuple[str, str | None, int | None], dict[str, Measurement]] = {}
    for row in timing.rows:
        if row.quantity in heads and not row.failed:
            rows_of.setdefault((row.system, row.stage, row.n), {})[heads[row.quantity]] = row
    entries: dict[tuple[object, ...], Shared] = {}
    for (system, stage, n), rows in rows_of.items():
        same = (stage, n, *((head, row.value) for head, row in rows.items()))
        key = same if stage is not None else (*same, system)
        entries.setdefault(key, Shared(stage, n, [], rows)).systems.append(system)
    return list(entries.values())


def server(timing: Timing) -> Iterator[Table]:
    """Yield the highest rate that each system kept up with, and its response times at each offered rate."""
    yield from _tables(timing, "Highest load", _bound(timing), {"server_max_rate": "queries per second"})
    rows_of: dict[tuple[str, float], dict[str, Measurement]] = {}
    for row in timing.rows:
        known = find_quantity(row.quantity)
        if known and known.quantity.name in LOAD_HEADS and row.stage is None and not row.failed:
            rows_of.setdefault((row.system, float(known.parts["R"])), {})[known.quantity.name] = row
    shown = [name for name in LOAD_HEADS if any(name in rows for rows in rows_of.values())]
    lines = []
    for (system, rate), rows in sorted(rows_of.items(), key=lambda item: (timing.order(item[0][0]), item[0])):
        cells = [_share(rows.get(name)) if "errors" in name else _cell(rows.get(name)) for name in shown]
        lines.append((Cell(system), Cell(f"{rate:,g}"), *cells))
    if lines:
        columns = [Column("system"), Column("offered, queries/s", numeric=True)]
        columns += [Column(LOAD_HEADS[name], numeric=True) for name in shown]
        yield Table(SERVER, tuple(columns), tuple(lines), "Under load")


def _bound(timing: Timing) -> str:
    bound = timing.facts.server.p99_ms if timing.facts.server else None
    within = "the bound" if bound is None else f"{bound:g} ms"
    return f"{SERVER} The table shows the highest rate at which p99 stays within {within}, and in brackets its range."


def _cell(row: Measurement | None) -> Cell:
    if row is None:
        return Cell(numbers.NOTHING)
    if row.unit.startswith("bytes"):
        return Cell(numbers.quantity(row.value, "bytes"))
    text, spread = numbers.spread(row.value, row.low, row.high)
    return Cell(text, note=spread)


def _share(row: Measurement | None) -> Cell:
    return Cell(numbers.NOTHING if row is None or row.value is None else f"{row.value:.2%}")
