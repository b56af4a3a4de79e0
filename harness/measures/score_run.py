"""Two TREC files to values: the measures of the harness for a run that anything may have made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.artifacts.judgements import Qrels
from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec.read import read_qrels, read_run
from harness.measures.census import Census, take_census
from harness.measures.definition import definition
from harness.measures.evaluate import evaluate
from harness.measures.names import Measure
from harness.measures.parse import parse
from harness.measures.ranked import rank_judged
from harness.measures.ties import Spread, over_ties


@dataclass(frozen=True)
class RunScores:
    """The values of every judged query, float64[queries] by measure, and what to know of them."""

    measures: tuple[Measure, ...]
    query_ids: Sequence[str]
    values: dict[str, np.ndarray]
    census: Census
    spreads: dict[str, Spread]
    """Over the orders of tied documents, by measure; empty unless it was asked for."""

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over all judged queries."""
        return {name: float(values.mean()) for name, values in self.values.items()}

    def document(self) -> dict[str, Any]:
        """Return it for JSON; values that differ in a bit are written differently."""
        columns = [[_finite(value) for value in values.tolist()] for values in self.values.values()]
        rows = zip(*columns, strict=True)
        said = {
            "measures": {name: _finite(mean) for name, mean in self.means.items()},
            "counts": self.census.document(),
            "per_query": {
                q: dict(zip(self.values, row, strict=True)) for q, row in zip(self.query_ids, rows, strict=True)
            },
            "definitions": [definition(measure) for measure in self.measures],
        }
        if self.spreads:
            said["ties"] = {
                name: {part: float(values.mean()) for part, values in spread._asdict().items()}
                for name, spread in self.spreads.items()
            }
        return said

    def lines(self, *, per_query: bool) -> Iterator[str]:
        """Give `measure query value` parted by tabs, as trec_eval does; `all` stands for the mean over all queries."""
        if per_query:
            for position, query in enumerate(self.query_ids):
                for name, values in self.values.items():
                    yield f"{name}\t{query}\t{values[position]:.4f}"
        for name, mean in self.means.items():
            yield f"{name}\tall\t{mean:.4f}"
        for name, spread in self.spreads.items():
            for part, values in spread._asdict().items():
                yield f"{name}\t{part} over ties\t{values.mean():.4f}"

    def remarks(self) -> Iterator[str]:
        """Say what a reader should know before trusting the numbers."""
        found = self.census
        if found.n_missing == found.n_queries:
            yield "the run names none of the judged queries: do both files write the ids alike?"
        elif found.n_missing:
            yield f"{found.n_missing} of {found.n_queries} judged queries are not in the run; each counts 0"
        if found.n_no_relevant:
            yield f"{found.n_no_relevant} of {found.n_queries} judged queries have no relevant document; each counts 0"
        if found.n_extra:
            yield f"{found.n_extra} queries of the run are not judged; they are left out"
        for k, tied in found.tied_at.items():
            if tied:
                yield f"the tie rule decides who is in the first {k} for {tied} of {found.n_queries} queries"


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold: a measure of another library may have no value."""
    return value if math.isfinite(value) else None


def score(
    run: RunLines,
    qrels: Qrels,
    measures: Iterable[Measure | str],
    *,
    ties: bool = False,
    ignore_identical_ids: bool = False,
) -> RunScores:
    """Score a run by ids; `ties` adds the expected, smallest and largest values.

    `ignore_identical_ids` leaves out documents that bear the id of their query, before any cut. Raises what `parse` and
    `over_ties` raise.
    """
    wanted = tuple(dict.fromkeys(parse(measure) if isinstance(measure, str) else measure for measure in measures))
    lists, known = rank_judged(run.without_own_ids() if ignore_identical_ids else run, qrels)
    named = set(run.queries.to_pylist())
    asked = np.array([query in named for query in qrels.query_ids])
    extra = len(run.queries) - int(asked.sum())
    census = take_census(wanted, lists, known, asked, extra)
    spreads = {str(measure): over_ties(measure, lists, known) for measure in wanted} if ties else {}
    return RunScores(wanted, qrels.query_ids, evaluate(wanted, lists, known), census, spreads)


def score_files(
    qrels: Path, run: Path, measures: Iterable[str], *, ties: bool = False, ignore_identical_ids: bool = False
) -> RunScores:
    """Read and score. Raises UserError for a wrong measure, before anything is read, and for damaged files."""
    wanted = [parse(measure) for measure in measures]
    judged = read_qrels(qrels)
    return score(read_run(run), judged, wanted, ties=ties, ignore_identical_ids=ignore_identical_ids)
