"""Compare the recorded latencies with the laps they follow from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow.compute as pc

from harness.results import Measurement, Results
from harness.results.laps import figures
from harness.results.layout import LATENCY
from harness.results.quantities import mode_of
from harness.results.responses import response_figures

CLOSE = 1e-9
"""The largest relative difference between two computations of a time or a ratio that is ignored."""


class RecordedSystem(NamedTuple):
    """A system as the laps name it; its fingerprint is not needed to calculate a number again."""

    dataset: str
    system: str
    fingerprint: str = ""


def lap_differences(results: Results, rows: Iterable[tuple[int, Measurement]]) -> Iterator[tuple[str, int | None]]:
    """Yield the differences, each with its line number if a row of `rows` (line, measurement) differs.

    Raises UserError if the laps cannot be read, and KeyError if run.json and the laps do not fit together.
    """
    laps = results.latency()
    expected: dict[tuple[str, str, str | None, str], Measurement] = {}
    for dataset, facts in results.facts.latency.items():
        own = laps.filter(pc.equal(laps["dataset"], dataset))
        systems = {name: RecordedSystem(dataset, name) for name in own["system"].unique().to_pylist()}
        single = figures(own, facts.reference, systems) if facts.reference is not None else ()
        server = response_figures(own, facts.server, systems) if facts.server else ()
        for figure in (*single, *server):
            expected[dataset, figure.system, figure.stage, figure.quantity] = figure
    for line, row in rows:
        key = (row.dataset, row.system, row.stage, row.quantity)
        if key in expected:
            yield from ((message, line) for message in _differences(row, expected.pop(key), _name(key)))
        elif mode_of(row.quantity) in ("single", "server"):
            yield f"{_name(key)} has no laps in {LATENCY}", line
    for key in expected:
        yield f"{_name(key)} is missing, although there are laps", None


def _differences(row: Measurement, computed_row: Measurement, name: str) -> Iterator[str]:
    for field in ("value", "low", "high", "n"):
        recorded, computed = getattr(row, field), getattr(computed_row, field)
        known = recorded is not None and computed is not None
        if not (math.isclose(recorded, computed, rel_tol=CLOSE) if known else recorded is computed):
            yield f"{name}: {field} is {recorded!r}, but its laps give {computed!r}"


def _name(key: tuple[str, str, str | None, str]) -> str:
    dataset, system, stage, quantity = key
    return f"{quantity} of {system}{f', {stage},' if stage else ''} on {dataset}"
