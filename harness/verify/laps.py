"""The recorded latencies held against the laps that they follow from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow.compute as pc

from harness.results import Measurement, Results
from harness.results.laps import QUANTITIES, figures
from harness.results.layout import LATENCY
from harness.results.responses import response_figures

CLOSE = 1e-9
"""How far two calculations of a time or a ratio may lie apart, relative to it."""


class RecordedSystem(NamedTuple):
    """A system as the laps name it; its fingerprint is not needed to calculate a number again."""

    dataset: str
    system: str
    fingerprint: str = ""


def lap_differences(results: Results, rows: Iterable[tuple[int, Measurement]]) -> Iterator[tuple[str, int | None]]:
    """Give what differs, each with the line of `rows` (line, measurement) where there is one.

    Raises UserError where the laps cannot be read, KeyError or TypeError where run.json is not what it was.
    """
    laps = results.latency()
    due: dict[tuple[str, str, str | None, str], Measurement] = {}
    for dataset, said in results.part("latency").items():
        mine = laps.filter(pc.equal(laps["dataset"], dataset))
        systems = {name: RecordedSystem(dataset, name) for name in mine["system"].unique().to_pylist()}
        single = figures(mine, said["reference"], systems) if "reference" in said else ()
        server = response_figures(mine, said["server"], systems) if said.get("server") else ()
        for found in (*single, *server):
            due[dataset, found.system, found.stage, found.quantity] = found
    for line, row in rows:
        key = (row.dataset, row.system, row.stage, row.quantity)
        if key in due:
            yield from ((message, line) for message in _apart(row, due.pop(key), _named(key)))
        elif row.quantity in QUANTITIES or row.quantity.startswith("server_"):
            yield f"{_named(key)} has no laps behind it in {LATENCY}", line
    for key in due:
        yield f"{_named(key)} is missing, and there are laps of it", None


def _apart(row: Measurement, due: Measurement, what: str) -> Iterator[str]:
    for name in ("value", "low", "high", "n"):
        found, expected = getattr(row, name), getattr(due, name)
        known = found is not None and expected is not None
        if not (math.isclose(found, expected, rel_tol=CLOSE) if known else found is expected):
            yield f"{what}: {name} is {found!r}, but its laps give {expected!r}"


def _named(key: tuple[str, str, str | None, str]) -> str:
    dataset, system, stage, quantity = key
    return f"{quantity} of {system}{f', {stage},' if stage else ''} on {dataset}"
