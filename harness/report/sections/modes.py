"""Small tables of what is measured beside the latency of single queries: throughput, load, fresh processes, energy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.report import numbers
from harness.report.document import Block, Cell, Column, Paragraph, Table, say, strong
from harness.results import Measurement
from harness.results.timings import Timing

OFFLINE = "Offline mode: all is at hand, in batches of the size that the column says. 95 % intervals in brackets."
SERVER = (
    "Server mode: queries come at random (Poisson) at the offered rate, whether or not the one before is answered; a "
    "response time counts from the moment when its query comes, and a failed or late request counts as the time-out."
)
COLD = "Cold mode: medians of fresh processes, from their start to their first answer. 95 % intervals in brackets."
MEMORY = (
    "The highest of a fresh process with this stage alone, working on so many rows. PSS: a page that processes share "
    "counts in part for each."
)
ENERGY = "By the counters of the hardware, with what the idle machine takes taken off. 95 % intervals in brackets."
COLD_HEADS = {
    "cold_import": "import, s",
    "cold_open": "open, s",
    "cold_first_query": "first query, s",
    "cold_total": "in all, s",
}
MEMORY_HEADS = {
    "peak_rss_bytes": "resident",
    "peak_pss_bytes": "PSS",
    "peak_gpu_bytes": "GPU",
    "gpu_by_driver_bytes": "GPU by its driver",
}
OFFERED = re.compile(r"server_(p50|p95|p99|errors)@(.+)")
HEADS = {"p50": "p50, ms", "p95": "p95, ms", "p99": "p99, ms", "errors": "errors"}


class Shared(NamedTuple):
    """The numbers of a stage by their heads, and the systems that share them; of a whole system where it is None."""

    stage: str | None
    n: int | None
    systems: list[str]
    rows: Mapping[str, Measurement]


def modes(timing: Timing) -> Iterator[Block]:
    """Give a table for each mode that was measured."""
    sizes = sorted({int(row.quantity.split("@")[1]) for row in timing.rows if "_rate@" in row.quantity})
    yield from _tables(timing, "Queries a second", OFFLINE, {f"query_rate@{n}": f"batches of {n}" for n in sizes})
    making = {f"encode_rate@{n}": f"batches of {n}" for n in sizes}
    making |= dict.fromkeys(("chunk_rate", "reduce_rate", "index_rate"), "all at once")
    yield from _tables(timing, "Documents a second", OFFLINE, making)
    yield from server(timing)
    yield from _tables(timing, "Cold starts", COLD, COLD_HEADS, counted="starts")
    yield from _tables(timing, "Memory", MEMORY, MEMORY_HEADS, counted="rows")
    yield from _tables(timing, "Energy", ENERGY, {"energy_j_per_query": "J a query"})
    yield from energy(timing)


def energy(timing: Timing) -> Iterator[Paragraph]:
    """Say whether energy could be read, and if not, why."""
    said = timing.said.get("energy")
    status = said.get("status") if isinstance(said, dict) else said
    if status:
        yield say(strong("Energy"), f": {numbers.fact(status)}")


def _tables(timing: Timing, title: str, caption: str, heads: Mapping[str, str], counted: str = "") -> Iterator[Table]:
    """Put whole systems, and then stages, under some quantities; nothing where none was measured.

    `counted` is the head of a column of how many they are from.
    """
    found = shared(timing, heads)
    for staged in (False, True):
        mine = [one for one in found if (one.stage is not None) is staged]
        if not staged:
            mine.sort(key=lambda one: timing.order(one.systems[0]))
        shown = [head for head in dict.fromkeys(heads.values()) if any(head in one.rows for one in mine)]
        columns = [Column("stage" if staged else "system")]
        columns += [Column(head, numeric=True) for head in (*([counted] if counted else []), *shown)]
        rows = []
        for one in mine:
            cells = [Cell(numbers.count(one.n))] if counted else []
            cells += [_cell(one.rows.get(head)) for head in shown]
            users = [Cell(numbers.some(one.systems, most=3))] if staged else []
            rows.append((Cell(one.stage or one.systems[0]), *cells, *users))
        if rows:
            users_head = [Column("used by")] if staged else []
            named = f"{title}, by stage" if staged and len(mine) < len(found) else title
            yield Table(caption, (*columns, *users_head), tuple(rows), named)


def shared(timing: Timing, heads: Mapping[str, str]) -> list[Shared]:
    """Return the numbers of each stage once, however many systems share them, in the order of the results."""
    mine: dict[tuple[str, str | None, int | None], dict[str, Measurement]] = {}
    for row in timing.rows:
        if row.quantity in heads and not row.failed:
            mine.setdefault((row.system, row.stage, row.n), {})[heads[row.quantity]] = row
    found: dict[tuple[object, ...], Shared] = {}
    for (system, stage, n), rows in mine.items():
        same = (stage, n, *((head, row.value) for head, row in rows.items()))
        key = same if stage is not None else (*same, system)
        found.setdefault(key, Shared(stage, n, [], rows)).systems.append(system)
    return list(found.values())


def server(timing: Timing) -> Iterator[Table]:
    """Put systems under the highest rate that they kept up with, and what they answered in at each offered rate."""
    yield from _tables(timing, "Highest load", _bound(timing), {"server_max_rate": "queries a second"})
    offered: dict[tuple[str, float], dict[str, Measurement]] = {}
    for row in timing.rows:
        match = OFFERED.fullmatch(row.quantity)
        if match and row.stage is None and not row.failed:
            offered.setdefault((row.system, float(match[2])), {})[match[1]] = row
    shown = [name for name in HEADS if any(name in rows for rows in offered.values())]
    rows = []
    for (system, rate), found in sorted(offered.items(), key=lambda one: (timing.order(one[0][0]), one[0])):
        cells = [_share(found.get(name)) if name == "errors" else _cell(found.get(name)) for name in shown]
        rows.append((Cell(system), Cell(f"{rate:,g}"), *cells))
    if rows:
        columns = (Column("system"), Column("offered, queries/s", numeric=True))
        yield Table(
            SERVER, (*columns, *(Column(HEADS[name], numeric=True) for name in shown)), tuple(rows), "Under load"
        )


def _bound(timing: Timing) -> str:
    said = timing.said.get("server")
    bound = f" within {numbers.fact(said['p99_ms'])} ms" if isinstance(said, dict) and "p99_ms" in said else ""
    return f"{SERVER} The highest rate at which p99 stays{bound or ' within the bound'}; in brackets where it may lie."


def _cell(row: Measurement | None) -> Cell:
    if row is None:
        return Cell(numbers.NOTHING)
    if row.unit.startswith("bytes"):
        return Cell(numbers.quantity(row.value, "bytes"))
    text, spread = numbers.spread(row.value, row.low, row.high)
    return Cell(text, note=spread)


def _share(row: Measurement | None) -> Cell:
    return Cell(numbers.NOTHING if row is None or row.value is None else f"{row.value:.2%}")
