"""Makes result folders with laps that look like real ones: a machine that drifts, stalls, longer queries slower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.results import LATENCY_SCHEMA, Measurement, Results
from harness.results.laps import AGAIN, figures
from harness.results.left_out import LeftOut
from harness.results.write import Contents, write_results
from harness.statistics import mean_interval
from harness.verify.laps import RecordedSystem

BM25: dict[str, Mapping[str, float]] = {"bm25": {"search/bm25": 0.3}}
DENSE = {"dense": {"encode/dense": 5.0, "search/flat": 1.0}}
RERANKED = {"reranked": {"search/bm25": 0.3, "rerank/cross_encoder": 90.0}}


@dataclass(frozen=True)
class Made:
    """What is timed: ms of each stage of each system, the first system the reference."""

    stages: Mapping[str, Mapping[str, float]]
    dataset: str = "toy"
    machine: str = "laptop-7f3a"
    queries: int = 40
    blocks: int = 10
    left_out: LeftOut = field(default_factory=LeftOut)
    inconclusive: bool = False
    seed: int = 1

    @property
    def reference(self) -> str:
        """The system that the others are held against."""
        return next(iter(self.stages))

    def laps(self) -> pa.Table:
        """Draw the laps (LATENCY_SCHEMA)."""
        rng = np.random.default_rng(self.seed)
        chars = rng.integers(12, 160, self.queries)
        state = np.exp(np.cumsum(rng.normal(0, 0.02, self.blocks)))
        tables = [table for arm in self.arms() for table in self.lap_tables(rng, chars, state, *arm)]
        return pa.concat_tables(tables)

    def arms(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        """Give (system, arm, stages)."""
        twin = self.stages[self.reference]
        slower = 1.05 if self.inconclusive else 1.0
        yield self.reference, AGAIN, {stage: slower * ms for stage, ms in twin.items()}
        yield from ((system, "", stages) for system, stages in self.stages.items())

    def lap_tables(
        self,
        rng: np.random.Generator,
        chars: np.ndarray,
        state: np.ndarray,
        system: str,
        arm: str,
        stages: Mapping[str, float],
    ) -> Iterator[pa.Table]:
        """Give the laps of an arm: its stages, and the whole."""
        size = (self.blocks, self.queries)
        whole = np.full(size, 2000.0)
        for stage, ms in stages.items():
            grows = 0.5 + chars / 172 if stage.startswith(("encode", "search/bm25")) else 1.0
            stall = np.where(rng.random(size) < 0.01, rng.exponential(3.0, size), 0)
            ns = 1e6 * (ms * grows * state[:, None] * np.exp(rng.normal(0, 0.03, size)) + stall)
            whole += ns
            yield self.lap_table(system, arm, stage, ns, chars)
        yield self.lap_table(system, arm, None, whole, chars)

    def lap_table(self, system: str, arm: str, stage: str | None, ns: np.ndarray, chars: np.ndarray) -> pa.Table:
        count = ns.size
        block, query = np.divmod(np.arange(count), self.queries)
        columns: dict[str, Any] = {
            "dataset": [self.dataset] * count,
            "system": [system] * count,
            "arm": [arm] * count,
            "mode": ["single"] * count,
            "query_id": [f"q{one:03d}" for one in query],
            "query_chars": chars[query],
            "block": block,
            "order": np.arange(count),
            "stage": pa.array([stage] * count, pa.large_string()),
            "ns": ns.ravel().astype(np.int64),
            "load": np.full(count, 0.5),
            "steal": np.zeros(count),
            "throttled": np.zeros(count, int),
            "switches": np.zeros(count, int),
        }
        return pa.table(columns).select(LATENCY_SCHEMA.names).cast(LATENCY_SCHEMA)

    def row(self, system: str, stage: str | None, quantity: str, value: float, unit: str, n: int = 5,
            low: float | None = None, high: float | None = None) -> Measurement:  # fmt: skip
        """Give a number that was measured on this machine."""
        said = {"fingerprint": "a" * 64, "machine": self.machine}
        return Measurement(self.dataset, system, stage, quantity, value, unit, n, low, high, **said)

    def said(self) -> dict[str, Any]:
        """Give what run.json says under `latency`."""
        return {
            self.dataset: {
                "reference": self.reference,
                "seed": 0,
                "queries": self.queries,
                "blocks": self.blocks,
                "laps": self.queries * self.blocks,
                "warm_up": {"laps": 60, "seconds": 2.4, "stopped": "steady"},
                "stopped": "interval",
                "noise_floor": 0.008,
                "inconclusive": self.inconclusive,
                "again": {"ratio": 1.05, "low": 1.03, "high": 1.07}
                if self.inconclusive
                else {"ratio": 1.002, "low": 0.994, "high": 1.01},
                "left_out": self.left_out.as_dict(),
                "threads": 1,
                "device": "cpu",
                "energy": "n/a: this machine lets nobody read its counters",
            }
        }

    def write(self, folder: Path, *more: Measurement, **changes: Any) -> Results:
        """Write a run in which a system is the better the more time it takes; `more` are further rows."""
        laps, rng = self.laps(), np.random.default_rng(5)
        systems = {system: RecordedSystem(self.dataset, system, "a" * 64) for system in self.stages}
        rows = [replace(row, machine=self.machine) for row in figures(laps, self.reference, systems)]
        hard, cells = rng.beta(2, 2, self.queries), []
        for system, stages in self.stages.items():
            lift = min(0.05 * np.sqrt(sum(stages.values())), 0.35)
            values = np.clip(0.5 * hard + lift + rng.normal(0, 0.04, self.queries), 0, 1)
            mean, low, high, n = mean_interval(values)
            rows.append(self.row(system, None, "nDCG@10", mean, "", n, low, high))
            cells += [(self.dataset, system, f"q{i:03d}", "nDCG@10", value) for i, value in enumerate(values.tolist())]
        columns = ("dataset", "system", "query_id", "quantity", "value")
        table = pa.table(dict(zip(columns, map(list, zip(*cells, strict=True)), strict=True)))
        facts = {
            "measures": ["nDCG@10"],
            "machine": {"id": self.machine, "cpu": "Some CPU", "physical_cores": 2},
            "latency": self.said(),
            "systems": {system: {} for system in self.stages},
        }
        said = {key: value for key, value in (facts | changes).items() if value is not None}
        return Results.load(write_results(folder, Contents(said, [*rows, *more], table, latency=laps)))
