"""What was timed on a data set, read from result files: each machine's times by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results.left_out import LeftOut, read_left_out
from harness.results.measurement import Measurement
from harness.results.read import Results

TIMED = re.compile(
    r"(latency|server|cold|peak|energy)_.+|gpu_by_driver_bytes|(query|encode)_rate@\d+|(chunk|reduce|index)_rate"
)
"""Quantities that the modes of `latency` give; all else is measured without, an `encode_rate` of no batch size too."""
UNKNOWN = "an unknown machine"
Key: TypeAlias = tuple[str, str | None, str]
"""System, stage (None: the whole) and quantity."""


@dataclass(frozen=True)
class Timing:
    """The numbers of one machine on one data set, and how they were measured."""

    dataset: str
    machine: str
    rows: tuple[Measurement, ...]
    said: Mapping[str, Any]
    """The entry of run.json about the data set; empty for rows of another machine than the run's."""

    @cached_property
    def _known(self) -> dict[Key, Measurement]:
        return {(row.system, row.stage, row.quantity): row for row in self.rows if not row.failed}

    def row(self, system: str, quantity: str, stage: str | None = None) -> Measurement | None:
        """Return a number; None where there is none or it failed."""
        return self._known.get((system, stage, quantity))

    def value(self, system: str, quantity: str, stage: str | None = None) -> float | None:
        """Return the value of such a number."""
        row = self.row(system, quantity, stage)
        return row.value if row else None

    @cached_property
    def systems(self) -> list[str]:
        """The systems that have a median of whole laps, the fastest first."""
        found = {row.system: row.value for row in self.rows if row.value is not None and _median(row)}
        return sorted(found, key=lambda system: found[system])

    @cached_property
    def reference(self) -> str | None:
        """The system that the others were held against; None where nobody said."""
        floors = (row.system for row in self.rows if row.quantity == "latency_noise_floor")
        return self.said.get("reference") or next(floors, None)

    @property
    def noise_floor(self) -> float | None:
        """The half-width of the interval of a ratio whose truth is 1, as a share."""
        found = self.value(self.reference, "latency_noise_floor") if self.reference else None
        return found if found is not None else number(self.said.get("noise_floor"))

    @property
    def inconclusive(self) -> bool:
        """Whether two measurements of the same system differed, so that no other difference can be believed."""
        return self.said.get("inconclusive") is True

    @property
    def left_out(self) -> list[tuple[str | None, LeftOut]]:
        """What has no number, and why, as run.json and the failed rows say: of the whole (None), then of each mode."""
        failed = {row.system: str(row.reason) for row in self.rows if row.failed and _median(row)}
        return [*left_out(self.said), (None, LeftOut(systems=failed))]

    def order(self, system: str) -> int:
        """Return the place of a system among those that were timed, the fastest first; one that was not comes last."""
        return self.systems.index(system) if system in self.systems else len(self.systems)

    def stages(self, system: str) -> dict[str, float]:
        """Return the medians of the stages of a system in ms, in the order in which they work."""
        mine = (row for row in self.rows if row.system == system and row.quantity == "latency_p50")
        return {row.stage: row.value for row in mine if row.stage is not None and row.value is not None}


def left_out(said: Mapping[str, Any]) -> list[tuple[str | None, LeftOut]]:
    """Read what run.json says was left out of a data set: of all of it (None), then of each mode."""
    parts = [(None, said), *((mode, about) for mode, about in said.items() if isinstance(about, dict))]
    return [(mode, read_left_out(about.get("left_out"))) for mode, about in parts]


def _median(row: Measurement) -> bool:
    return row.quantity == "latency_p50" and row.stage is None


def timings(results: Results, dataset: str) -> list[Timing]:
    """Return what was timed on a data set, one entry a machine, that of the run first; [] where nothing was."""
    own = own_machine(results)
    found: dict[str, list[Measurement]] = {}
    for row in results.measurements:
        if row.dataset == dataset and TIMED.fullmatch(row.quantity):
            found.setdefault(row.machine or own, []).append(row)
    said = results.part("latency").get(dataset)
    known = said if isinstance(said, dict) else {}
    if any(missing for _, missing in left_out(known)):
        found.setdefault(own, [])
    ordered = sorted(found.items(), key=lambda one: one[0] != own)
    return [Timing(dataset, machine, tuple(rows), known if machine == own else {}) for machine, rows in ordered]


def own_machine(results: Results) -> str:
    """Return the machine of a run."""
    return str(results.part("machine").get("id") or UNKNOWN)


def by_length(results: Results, timing: Timing, most: int = 8, least: int = 5) -> dict[str, list[tuple[float, float]]]:
    """Return for each system the medians of its laps over queries of like length: (characters, ms), the shortest first.

    Queries are grouped into at most `most` groups of equal size, `least` queries or more in each; the characters are
    the median of the group. {} where there are no laps of this machine, or where all queries are of one length.
    """
    if timing.machine != own_machine(results):
        return {}
    laps = results.latency()
    whole = pc.and_(pc.equal(laps["dataset"], timing.dataset), pc.equal(laps["mode"], "single"))
    laps = laps.filter(pc.and_(pc.and_(whole, pc.equal(laps["arm"], "")), pc.is_null(laps["stage"])))
    queries = laps.group_by("query_id").aggregate([("query_chars", "min")])
    lengths = np.sort(queries["query_chars_min"].to_numpy())
    groups = min(most, len(lengths) // least)
    if groups < 2:
        return {}
    edges = np.unique(np.quantile(lengths, np.arange(1, groups) / groups, method="higher"))
    systems = [system for system in timing.systems if system in set(laps["system"].to_pylist())]
    found = {system: list(_grouped(laps.filter(pc.equal(laps["system"], system)), edges)) for system in systems}
    return found if any(len(points) > 1 for points in found.values()) else {}


def _grouped(laps: pa.Table, edges: np.ndarray) -> Iterable[tuple[float, float]]:
    chars, ns = laps["query_chars"].to_numpy(), laps["ns"].to_numpy()
    group = np.searchsorted(edges, chars, side="right")
    for one in np.unique(group):
        yield float(np.median(chars[group == one])), float(np.median(ns[group == one])) / 1e6


def number(value: Any) -> float | None:
    """Return a number of run.json; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
