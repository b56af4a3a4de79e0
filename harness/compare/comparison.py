"""Systems side by side on one data set: ordered by the headline measure, each held against the best query by query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results import Measurement, Results
from harness.results.timings import UNKNOWN, own_machine, timings
from harness.statistics import mean_intervals

NO_QUALITY = ("Judged", "Num")
"""Measures that count something; more of it is not better, so none of it is the best."""


SIZES = ("index_bytes", "dimensions", "active_dims", "query_active_dims", "index_memory_bytes")
"""Quantities beside the measures, by the names that `Entry` has for them."""
RECALL = "index_recall@"


class Standing(Enum):
    """Where a system stands on the headline measure."""

    BEST = "the best"
    TIED = "not separable from the best"
    BEHIND = "behind the best"
    UNKNOWN = "not compared"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """One system on one data set."""

    system: str
    standing: Standing
    headline: Measurement | None
    measures: Mapping[str, Measurement | None]
    index_bytes: float | None
    dimensions: float | None
    active_dims: float | None = None
    """Of a document, on the mean, where vectors are sparse."""
    query_active_dims: float | None = None
    index_memory_bytes: float | None = None
    latency_p50: float | None = None
    """Of one query alone, ms, on the machine of the run; what else is known of it stands in a section of its own."""
    build_seconds: Mapping[str, float] = field(default_factory=dict)
    """Of all its indexes, when they were made, by the machine that made them."""
    index_recall: Mapping[int, float] = field(default_factory=dict)
    """Of its approximate search, by k; empty for an exact one."""

    @property
    def value(self) -> float | None:
        """The headline measure."""
        return self.headline.value if self.headline else None


@dataclass(frozen=True)
class Comparison:
    """All systems on one data set, the best first, the failed last."""

    dataset: str
    measures: list[str]
    entries: list[Entry]

    @property
    def headline(self) -> str:
        """The measure that decides."""
        return self.measures[0] if self.measures else ""

    @property
    def recall_cuts(self) -> list[int]:
        """The k at which approximate searches were held against exact ones, ascending."""
        return sorted({k for entry in self.entries for k in entry.index_recall})

    @property
    def builders(self) -> list[str]:
        """The machines that made indexes of which the time is known: times of two are not compared."""
        return list(dict.fromkeys(machine for entry in self.entries for machine in entry.build_seconds))

    @property
    def best(self) -> Entry | None:
        """The system with the highest headline measure."""
        return next((entry for entry in self.entries if entry.standing is Standing.BEST), None)

    def having(self, standing: Standing) -> list[str]:
        """Name the systems that stand there, the better first."""
        return [entry.system for entry in self.entries if entry.standing is standing]

    def highest(self, measure: str) -> float | None:
        """Return the best value of a measure, None where no system has one or more is not better."""
        if measure.startswith(NO_QUALITY):
            return None
        rows = (entry.measures.get(measure) for entry in self.entries)
        return max((row.value for row in rows if row and row.value is not None), default=None)


def compare(results: Results, dataset: str) -> Comparison:
    """Put the systems of a data set side by side.

    A system is behind the best where the 95 % interval of the paired difference over queries (percentile bootstrap)
    lies above zero. Each is held against the best on its own: no correction for the number of systems.
    """
    measures = results.measures
    standings = _standings(results, dataset, measures[0]) if measures else {}
    timed = next((one for one in timings(results, dataset) if one.machine == own_machine(results)), None)
    entries = []
    for system in results.systems:
        rows = {measure: results.measurement(dataset, system, measure) for measure in measures}
        if any(row.dataset == dataset and row.system == system for row in results.measurements):
            headline = rows.get(measures[0]) if measures else None
            sizes = {name: results.value(dataset, system, name) for name in SIZES}
            seconds, recall = _of_indexes(results, dataset, system)
            standing = standings.get(system, Standing.UNKNOWN)
            sizes["latency_p50"] = timed.value(system, "latency_p50") if timed else None
            entries.append(Entry(system, standing, headline, rows, **sizes, build_seconds=seconds, index_recall=recall))
    known = sorted((e for e in entries if e.value is not None), key=lambda e: -(e.value or 0))
    return Comparison(dataset, measures, known + [e for e in entries if e.value is None])


def _of_indexes(results: Results, dataset: str, system: str) -> tuple[dict[str, float], dict[int, float]]:
    """Return the seconds that the indexes took to build, by machine, and what an approximate one finds of the truth."""
    mine = [row for row in results.measurements if (row.dataset, row.system) == (dataset, system)]
    built: dict[str, float] = {}
    for row in mine:
        if row.quantity == "build_seconds" and row.value is not None:
            machine = row.machine or UNKNOWN
            built[machine] = built.get(machine, 0) + row.value
    recall = {
        int(row.quantity.removeprefix(RECALL)): row.value
        for row in mine
        if row.quantity.startswith(RECALL) and row.value is not None and row.stage is None
    }
    return built, recall


def _standings(results: Results, dataset: str, measure: str) -> dict[str, Standing]:
    values = {system: results.value(dataset, system, measure) for system in results.systems}
    found = {system: value for system, value in values.items() if value is not None}
    failed = {row.system for row in results.measurements if row.failed and row.dataset == dataset}
    standings = dict.fromkeys(failed - set(found), Standing.FAILED)
    if not found:
        return standings
    best = max(found, key=lambda system: found[system])
    standings[best] = Standing.BEST
    columns = query_values(results, dataset, measure)
    others = [system for system in found if system != best and system in columns]
    if best in columns and others:
        differences = np.stack([columns[best] - columns[system] for system in others], axis=1)
        for system, interval in zip(others, mean_intervals(differences), strict=True):
            if interval.n:
                standings[system] = Standing.BEHIND if interval.low > 0 else Standing.TIED
    return standings


def query_values(results: Results, dataset: str, measure: str) -> dict[str, np.ndarray]:
    """Return the values of a measure by system, one a query in the same order for all; NaN where there is none."""
    table = results.per_query()
    table = table.filter(pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["quantity"], measure)))
    queries = query_ids(table)
    places = pc.index_in(table["query_id"], value_set=queries).to_numpy()
    systems = table["system"].to_numpy()
    values = table["value"].to_numpy()
    found = {}
    for system in dict.fromkeys(systems.tolist()):
        mine = systems == system
        found[system] = column = np.full(len(queries), np.nan)
        column[places[mine]] = values[mine]
    return found


def query_ids(table: pa.Table) -> pa.Array:
    """Return the queries of a table of values, ascending: the order of `query_values`."""
    ids = pc.unique(table["query_id"])
    return ids.take(pc.sort_indices(ids))
