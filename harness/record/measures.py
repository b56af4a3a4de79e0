"""The values of the measures: means with intervals, values per query, and the ceilings of rerankers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.plan import Target
from harness.record.made import Made
from harness.results import PER_QUERY_SCHEMA, Measurement
from harness.statistics import Interval, mean_intervals


class Key(NamedTuple):
    """What a column of values per query is about."""

    dataset: str
    system: str
    quantity: str


class QueryValues:
    """The values per query of everything that the systems of a plan are measured by, and their means."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.values: dict[Key, np.ndarray] = {
            Key(target.dataset, target.system, quantity): made.load(node).values
            for target in made.plan.targets
            for quantity, node in target.numbers.items()
            if node.fingerprint not in made.failed
        }
        self.intervals = dict(self._intervals())

    def _intervals(self) -> Iterator[tuple[Key, Interval]]:
        """Yield the interval of every mean; all columns of one data set share their resamples."""
        for dataset in dict.fromkeys(key.dataset for key in self.values):
            keys = [key for key in self.values if key.dataset == dataset]
            yield from zip(keys, mean_intervals(np.stack([self.values[key] for key in keys], axis=1)), strict=True)

    def rows(self, target: Target) -> Iterator[Measurement]:
        """Yield the mean of each quantity of a system with its interval, or the failure in its place."""
        for quantity, node in target.numbers.items():
            reason = self.made.failed.get(node.fingerprint)
            if reason is not None:
                yield Measurement.failure(target, quantity, reason, fingerprint=node.fingerprint)
                continue
            mean, low, high, n = self.intervals[Key(target.dataset, target.system, quantity)]
            yield Measurement.of(target, quantity, mean, fingerprint=node.fingerprint, n=n, low=low, high=high)

    def per_query(self) -> pa.Table:
        """Return every value of every judged query (PER_QUERY_SCHEMA)."""
        collections = self.made.plan.leaves.collections
        ids = {
            name: self.made.load(collections[name].queries).table["id"].combine_chunks()
            for name in dict.fromkeys(key.dataset for key in self.values)
        }
        tables = []
        for key, values in self.values.items():
            judged = ~np.isnan(values)
            columns = {name: pa.repeat(pa.scalar(text), int(judged.sum())) for name, text in key._asdict().items()}
            columns |= {"query_id": ids[key.dataset].filter(pa.array(judged)), "value": values[judged]}
            tables.append(pa.table(columns).select(PER_QUERY_SCHEMA.names).cast(PER_QUERY_SCHEMA))
        return pa.concat_tables(tables) if tables else PER_QUERY_SCHEMA.empty_table()


def ceilings(made: Made, target: Target) -> Iterator[Measurement]:
    """Yield what a perfect reranker would have reached with the documents that each reranker was given."""
    for reranker, score in target.ceilings:
        settings = score.stage.model_dump()
        quantity, stage = f"ceiling@{settings['depth']}_{settings['measure']}", target.stage_names[reranker.fingerprint]
        reason = made.failed.get(score.fingerprint)
        if reason is not None:
            yield Measurement.failure(target, quantity, reason, stage=stage, fingerprint=score.fingerprint)
            continue
        values = made.load(score).values
        judged = values[~np.isnan(values)]
        if len(judged):
            mean = float(judged.mean())
            yield Measurement.of(target, quantity, mean, stage=stage, fingerprint=score.fingerprint, n=len(judged))
