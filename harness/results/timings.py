"""The numbers that were timed on a data set, separately for each machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.latency_facts import LatencyFacts
from harness.results.left_out import LeftOut
from harness.results.measurement import Measurement
from harness.results.quantities import mode_of
from harness.results.read import Results

UNKNOWN = "an unknown machine"
Key: TypeAlias = tuple[str, str | None, str]
"""A system, a stage (None for the whole system) and a quantity."""


@dataclass(frozen=True)
class Timing:
    """The numbers of one machine on one data set, and how they were measured."""

    dataset: str
    machine: str
    rows: tuple[Measurement, ...]
    facts: LatencyFacts
    """How the data set was timed; without content for any machine but that of the run."""

    @cached_property
    def _known(self) -> dict[Key, Measurement]:
        return {(row.system, row.stage, row.quantity): row for row in self.rows if not row.failed}

    def row(self, system: str, quantity: str, stage: str | None = None) -> Measurement | None:
        """Return the row of a quantity; None if there is none or it failed."""
        return self._known.get((system, stage, quantity))

    def value(self, system: str, quantity: str, stage: str | None = None) -> float | None:
        """Return the value of a quantity; None if there is none or it failed."""
        row = self.row(system, quantity, stage)
        return row.value if row else None

    @cached_property
    def systems(self) -> list[str]:
        """The systems that have a median latency, the fastest first."""
        medians = {row.system: row.value for row in self.rows if row.value is not None and _is_median(row)}
        return sorted(medians, key=lambda system: medians[system])

    @cached_property
    def reference(self) -> str | None:
        """The system that the others were compared with; None if it is not known."""
        floors = (row.system for row in self.rows if row.quantity == "latency_noise_floor")
        return self.facts.reference or next(floors, None)

    @property
    def noise_floor(self) -> float | None:
        """The half-width of the interval of a ratio whose true value is 1, as a share."""
        measured = self.value(self.reference, "latency_noise_floor") if self.reference else None
        return measured if measured is not None else self.facts.noise_floor

    @property
    def inconclusive(self) -> bool:
        """Whether two measurements of the same system differed, so that no other difference can be trusted."""
        return self.facts.inconclusive

    @property
    def left_out(self) -> list[tuple[str | None, LeftOut]]:
        """What has no number, and why, by mode (None: any mode); failed rows are added at the end."""
        failed = {row.system: str(row.reason) for row in self.rows if row.failed and _is_median(row)}
        return [*self.facts.all_left_out, (None, LeftOut(systems=failed))]

    def order(self, system: str) -> int:
        """Return the rank of a system by median latency, the fastest being 0; a system without a median comes last."""
        return self.systems.index(system) if system in self.systems else len(self.systems)

    def stages(self, system: str) -> dict[str, float]:
        """Return the median latency of each stage of a system, ms, in the order in which the stages run."""
        medians = (row for row in self.rows if row.system == system and row.quantity == "latency_p50")
        return {row.stage: row.value for row in medians if row.stage is not None and row.value is not None}


def _is_median(row: Measurement) -> bool:
    return row.quantity == "latency_p50" and row.stage is None


def timings(results: Results, dataset: str) -> list[Timing]:
    """Return what was timed on a data set: one entry per machine, that of the run first; [] if nothing was timed."""
    own = own_machine(results)
    rows_of: dict[str, list[Measurement]] = {}
    for row in results.measurements:
        if row.dataset == dataset and mode_of(row.quantity) is not None:
            rows_of.setdefault(row.machine or own, []).append(row)
    facts = results.facts.latency.get(dataset, LatencyFacts())
    if any(left_out for _, left_out in facts.all_left_out):
        rows_of.setdefault(own, [])
    machines = sorted(rows_of, key=lambda machine: machine != own)
    return [
        Timing(dataset, machine, tuple(rows_of[machine]), facts if machine == own else LatencyFacts())
        for machine in machines
    ]


def own_machine(results: Results) -> str:
    """Return the machine of a run."""
    return results.facts.machine.id or UNKNOWN


def by_length(results: Results, timing: Timing, most: int = 8, least: int = 5) -> dict[str, list[tuple[float, float]]]:
    """Return the median latency of each system for queries of similar length: (characters, ms), the shortest first.

    Queries are grouped into at most `most` groups of equal size, with at least `least` queries each; the characters
    are the median of the group. Returns {} if there are no laps of this machine, or if all queries have one length.
    """
    if timing.machine != own_machine(results):
        return {}
    laps = results.latency()
    single = pc.and_(pc.equal(laps["dataset"], timing.dataset), pc.equal(laps["mode"], "single"))
    laps = laps.filter(pc.and_(pc.and_(single, pc.equal(laps["arm"], "")), pc.is_null(laps["stage"])))
    queries = laps.group_by("query_id").aggregate([("query_chars", "min")])
    lengths = np.sort(queries["query_chars_min"].to_numpy())
    groups = min(most, len(lengths) // least)
    if groups < 2:
        return {}
    edges = np.unique(np.quantile(lengths, np.arange(1, groups) / groups, method="higher"))
    systems = [system for system in timing.systems if system in set(laps["system"].to_pylist())]
    points = {system: list(_grouped(laps.filter(pc.equal(laps["system"], system)), edges)) for system in systems}
    return points if any(len(each) > 1 for each in points.values()) else {}


def _grouped(laps: pa.Table, edges: np.ndarray) -> Iterator[tuple[float, float]]:
    chars, ns = laps["query_chars"].to_numpy(), laps["ns"].to_numpy()
    group_of = np.searchsorted(edges, chars, side="right")
    for group in np.unique(group_of):
        yield float(np.median(chars[group_of == group])), float(np.median(ns[group_of == group])) / 1e6
