"""Small tables of what is measured beside the latency of single queries: throughput, load, fresh processes, energy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.report import numbers
from harness.report.document import Block, Cell, Column, Table, say, strong
from harness.report.timed import Timing
from harness.results import Measurement

WHOLE = "whole system"
OFFLINE = (
    "Offline mode: nobody waits, and a stage gets as many at a time as the column says. 95 % intervals in brackets."
)
SERVER = (
    "Server mode: queries come at random (Poisson) at the offered rate, whether or not the one before is answered; a "
    "response time counts from the moment when its query comes."
)
COLD = "Cold mode, in seconds: fresh processes, from their start to their first answer; 95 % intervals in brackets."
MEMORY = (
    "The highest of a fresh process with this stage alone. PSS: a page that processes share counts in part for each."
)
ARTIFACTS = "What was made of the documents, on disk."
ENERGY = "Joules a query, what the idle machine takes taken off; as the counters of the hardware say it."
MODES = (
    ("Cold starts", COLD, {
        "cold_import": "import", "cold_open": "open", "cold_first_query": "first query", "cold_total": "total",
    }),
    ("Memory", MEMORY, {"peak_rss_bytes": "resident", "peak_pss_bytes": "PSS", "peak_gpu_bytes": "GPU"}),
    ("Artifacts", ARTIFACTS, {"artifact_bytes": "size", "artifact_bytes_per_document": "a document"}),
    ("Energy", ENERGY, {"energy_j_per_query": "J/query"}),
)  # fmt: skip
"""Title, caption, and quantities with their heads."""
OFFERED = re.compile(r"server_(p50|p95|p99|errors)@(.+)")


class Shared(NamedTuple):
    """Numbers by quantity that are the same for the systems that share a stage; or of a whole system."""

    stage: str | None
    systems: list[str]
    rows: Mapping[str, Measurement]


def modes(timing: Timing) -> Iterator[Block]:
    """Give a table for each mode that was measured."""
    for kind, of in (("encode_rate", "documents"), ("query_rate", "queries")):
        sizes = sorted({int(key[2].split("@")[1]) for key in timing.rows if key[2].startswith(f"{kind}@")})
        heads = {f"{kind}@{size}": f"in batches of {size}" for size in sizes}
        yield from _table(timing, f"Throughput, {of} a second", OFFLINE, heads)
    yield from server(timing)
    for title, caption, heads in MODES:
        yield from _table(timing, title, caption, heads)
    if timing.said.get("energy"):
        yield say(strong("Energy"), f": {numbers.fact(timing.said['energy'])}")


def _table(timing: Timing, title: str, caption: str, heads: Mapping[str, str]) -> Iterator[Table]:
    """Put stages, or whole systems, under some quantities; nothing where none was measured."""
    found = shared(timing, heads)
    if not found:
        return
    shown = [name for name in heads if any(name in one.rows for one in found)]
    staged = any(one.stage is not None for one in found)
    columns = [Column("stage" if staged else "system"), *(Column(heads[name], numeric=True) for name in shown)]
    rows = []
    for stage, systems, numbers_of in found:
        first = (stage or WHOLE) if staged else systems[0]
        users = [Cell(numbers.some(systems, most=3))] if staged else []
        rows.append((Cell(first), *(_cell(numbers_of.get(name)) for name in shown), *users))
    if staged:
        columns.append(Column("used by"))
    yield Table(caption, tuple(columns), tuple(rows), title)


def shared(timing: Timing, quantities: Mapping[str, str]) -> list[Shared]:
    """Return the numbers of each stage once, however many systems share them, in the order of the results."""
    mine: dict[tuple[str, str | None], dict[str, Measurement]] = {}
    for (system, stage, quantity), row in timing.rows.items():
        if quantity in quantities and not row.failed:
            mine.setdefault((system, stage), {})[quantity] = row
    found: dict[tuple[object, ...], Shared] = {}
    for (system, stage), rows in mine.items():
        same = tuple((name, row.fingerprint, row.value) for name, row in rows.items())
        key = (stage, same) if stage is not None else (stage, same, system)
        found.setdefault(key, Shared(stage, [], rows)).systems.append(system)
    return list(found.values())


def server(timing: Timing) -> Iterator[Table]:
    """Put systems under the highest rate that they kept up with, and what they answered in at each offered rate."""
    yield from _table(timing, "Highest load", f"{SERVER} {_bound(timing)}", {"server_max_rate": "queries a second"})
    offered: dict[tuple[str, float], dict[str, Measurement]] = {}
    for (system, stage, quantity), row in timing.rows.items():
        match = OFFERED.fullmatch(quantity)
        if match and stage is None and not row.failed:
            offered.setdefault((system, float(match[2])), {})[match[1]] = row
    heads = {"p50": "p50, ms", "p95": "p95, ms", "p99": "p99, ms", "errors": "errors"}
    shown = [name for name in heads if any(name in rows for rows in offered.values())]
    rows = []
    for (system, rate), found in sorted(offered.items(), key=lambda one: (timing.order(one[0][0]), one[0][1])):
        cells = [_share(found.get(name)) if name == "errors" else _cell(found.get(name)) for name in shown]
        rows.append((Cell(system), Cell(f"{rate:,g}"), *cells))
    if rows:
        columns = (Column("system"), Column("offered, queries/s", numeric=True))
        yield Table(
            SERVER, (*columns, *(Column(heads[name], numeric=True) for name in shown)), tuple(rows), "Under load"
        )


def _bound(timing: Timing) -> str:
    said = timing.said.get("server")
    bound = said.get("p99_ms") if isinstance(said, dict) else None
    return f"The highest rate at which p99 stays within {numbers.fact(bound)} ms." if bound else ""


def _cell(row: Measurement | None) -> Cell:
    if row is None:
        return Cell(numbers.NOTHING)
    if row.unit.startswith("bytes"):
        return Cell(numbers.size(row.value))
    text, spread = numbers.spread(row.value, row.low, row.high)
    return Cell(text, note=spread)


def _share(row: Measurement | None) -> Cell:
    return Cell(numbers.NOTHING if row is None or row.value is None else f"{row.value:.2%}")
