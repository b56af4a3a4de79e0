"""Systems side by side on one data set: ordered by the headline measure, and compared with the best per query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.results import Measurement, Results
from harness.results.quantities import find_quantity
from harness.results.timings import UNKNOWN, own_machine, timings
from harness.statistics import mean_intervals

NO_QUALITY = ("Judged", "Num")
"""The beginnings of measures that count something: more is not better, so no system is the best by them."""
SIZES = ("index_bytes", "dimensions", "active_dims", "query_active_dims", "index_memory_bytes")
"""The quantities that `Entry` has as attributes of the same name."""
RECALL = "index_recall@k"
"""The name of the quantity in the table of quantities."""


class Standing(Enum):
    """How a system compares with the best by the headline measure."""

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
    """The mean number of non-zero dimensions of a document, if vectors are sparse."""
    query_active_dims: float | None = None
    """The same of a query."""
    index_memory_bytes: float | None = None
    latency_p50: float | None = None
    """The median latency of one query at a time, ms, on the machine of the run."""
    build_seconds: Mapping[str, float] = field(default_factory=dict)
    """The time it took to build all indexes, by the machine that built them."""
    index_recall: Mapping[int, float] = field(default_factory=dict)
    """The share of exact search's first k documents that approximate search finds, by k; empty for exact search."""

    @property
    def value(self) -> float | None:
        """The value of the headline measure."""
        return self.headline.value if self.headline else None


@dataclass(frozen=True)
class Comparison:
    """All systems on one data set, the best first and the failed last."""

    dataset: str
    measures: list[str]
    entries: list[Entry]

    @property
    def headline(self) -> str:
        """The measure by which systems are ordered."""
        return self.measures[0] if self.measures else ""

    @property
    def recall_cuts(self) -> list[int]:
        """The k at which approximate search was compared with exact search, ascending."""
        return sorted({k for entry in self.entries for k in entry.index_recall})

    @property
    def builders(self) -> list[str]:
        """The machines that built indexes in a known time; times of different machines are not compared."""
        return list(dict.fromkeys(machine for entry in self.entries for machine in entry.build_seconds))

    @property
    def best(self) -> Entry | None:
        """The system with the highest headline measure."""
        return next((entry for entry in self.entries if entry.standing is Standing.BEST), None)

    def having(self, standing: Standing) -> list[str]:
        """Return the names of the systems with a standing, the better first."""
        return [entry.system for entry in self.entries if entry.standing is standing]

    def highest(self, measure: str) -> float | None:
        """Return the best value of a measure; None if no system has one, or if more is not better."""
        if measure.startswith(NO_QUALITY):
            return None
        rows = (entry.measures.get(measure) for entry in self.entries)
        return max((row.value for row in rows if row and row.value is not None), default=None)


def compare(results: Results, dataset: str) -> Comparison:
    """Compare the systems on a data set.

    A system is behind the best if the 95 % interval of the paired difference over queries (percentile bootstrap) lies
    above zero. Each system is compared with the best separately, without a correction for the number of systems.
    """
    measures = results.measures
    standings = _standings(results, dataset, measures[0]) if measures else {}
    own = own_machine(results)
    timing = next((timing for timing in timings(results, dataset) if timing.machine == own), None)
    entries = []
    for system in results.systems:
        rows = {measure: results.measurement(dataset, system, measure) for measure in measures}
        if any(row.dataset == dataset and row.system == system for row in results.measurements):
            headline = rows.get(measures[0]) if measures else None
            sizes = {name: results.value(dataset, system, name) for name in SIZES}
            seconds, recall = _of_indexes(results, dataset, system)
            standing = standings.get(system, Standing.UNKNOWN)
            sizes["latency_p50"] = timing.value(system, "latency_p50") if timing else None
            entries.append(Entry(system, standing, headline, rows, **sizes, build_seconds=seconds, index_recall=recall))
    scored = sorted((entry for entry in entries if entry.value is not None), key=lambda entry: -(entry.value or 0))
    return Comparison(dataset, measures, scored + [entry for entry in entries if entry.value is None])


def _of_indexes(results: Results, dataset: str, system: str) -> tuple[dict[str, float], dict[int, float]]:
    """Return the seconds it took to build the indexes, by machine, and the recall of an approximate index, by k."""
    rows = [row for row in results.measurements if (row.dataset, row.system) == (dataset, system)]
    built: dict[str, float] = {}
    for row in rows:
        if row.quantity == "build_seconds" and row.value is not None:
            machine = row.machine or UNKNOWN
            built[machine] = built.get(machine, 0) + row.value
    recall = {}
    for row in rows:
        known = find_quantity(row.quantity)
        if known and known.quantity.name == RECALL and row.value is not None and row.stage is None:
            recall[int(known.parts["k"])] = row.value
    return built, recall


def _standings(results: Results, dataset: str, measure: str) -> dict[str, Standing]:
    values = {
        system: value for system in results.systems if (value := results.value(dataset, system, measure)) is not None
    }
    failed = {row.system for row in results.measurements if row.failed and row.dataset == dataset}
    standings = dict.fromkeys(failed - set(values), Standing.FAILED)
    if not values:
        return standings
    best = max(values, key=lambda system: values[system])
    standings[best] = Standing.BEST
    columns = query_values(results, dataset, measure)
    others = [system for system in values if system != best and system in columns]
    if best in columns and others:
        differences = np.stack([columns[best] - columns[system] for system in others], axis=1)
        for system, interval in zip(others, mean_intervals(differences), strict=True):
            if interval.n:
                standings[system] = Standing.BEHIND if interval.low > 0 else Standing.TIED
    return standings


def query_values(results: Results, dataset: str, measure: str) -> dict[str, np.ndarray]:
    """Return the values of a measure by system, float64[queries] in the order of `query_ids`; NaN if there is none."""
    table = results.per_query()
    table = table.filter(pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["quantity"], measure)))
    queries = query_ids(table)
    positions = pc.index_in(table["query_id"], value_set=queries).to_numpy()
    systems = table["system"].to_numpy()
    values = table["value"].to_numpy()
    columns = {}
    for system in dict.fromkeys(systems.tolist()):
        own = systems == system
        columns[system] = column = np.full(len(queries), np.nan)
        column[positions[own]] = values[own]
    return columns


def query_ids(table: pa.Table) -> pa.Array:
    """Return the distinct queries of a table of values, ascending."""
    ids = pc.unique(table["query_id"])
    return ids.take(pc.sort_indices(ids))
