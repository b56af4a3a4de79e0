"""Scores two TREC files, a run and judgements: the function behind `harness score`."""

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
from harness.measures.definition import definition
from harness.measures.evaluate import evaluate
from harness.measures.scoring.counts import Counts, count_run
from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import parse
from harness.measures.scoring.ranked import rank_judged
from harness.measures.ties import Spread, over_ties


@dataclass(frozen=True)
class RunScores:
    """The values of a run for every judged query, and the counts that qualify them."""

    measures: tuple[Measure, ...]
    query_ids: Sequence[str]
    values: dict[str, np.ndarray]
    """By measure, the value of each query; float64[queries]."""
    counts: Counts
    spreads: dict[str, Spread]
    """By measure, the values over the orders of tied documents; empty unless requested."""

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over all judged queries."""
        return {name: float(values.mean()) for name, values in self.values.items()}

    def document(self) -> dict[str, Any]:
        """Return the scores for JSON, in full precision; a value that is not finite becomes null."""
        columns = [[_finite(value) for value in values.tolist()] for values in self.values.values()]
        rows = zip(*columns, strict=True)
        document = {
            "measures": {name: _finite(mean) for name, mean in self.means.items()},
            "counts": self.counts.document(),
            "per_query": {
                q: dict(zip(self.values, row, strict=True)) for q, row in zip(self.query_ids, rows, strict=True)
            },
            "definitions": [definition(measure) for measure in self.measures],
        }
        if self.spreads:
            document["ties"] = {
                name: {part: float(values.mean()) for part, values in spread._asdict().items()}
                for name, spread in self.spreads.items()
            }
        return document

    def lines(self, *, per_query: bool) -> Iterator[str]:
        """Yield `measure query value`, separated by tabs, as trec_eval does; `all` is the mean over all queries."""
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
        """Yield what a reader should know before trusting the numbers."""
        counts, queries = self.counts, f"{self.counts.n_queries} judged queries"
        if counts.n_missing == counts.n_queries:
            yield "the run names none of the judged queries: check that both files use the same ids"
        elif counts.n_missing:
            yield f"{counts.n_missing} of {queries} are not in the run; each counts 0"
        if counts.n_no_relevant:
            yield f"{counts.n_no_relevant} of {queries} have no relevant document; each counts 0"
        if counts.n_extra:
            yield f"{counts.n_extra} queries of the run are not judged; they are left out"
        for k, tied in counts.tied_at.items():
            if tied:
                yield f"the tie rule decides which documents are in the first {k} for {tied} of {queries}"


def _finite(value: float) -> float | None:
    """Return a number that JSON can represent, and None for any other."""
    return value if math.isfinite(value) else None


def score(
    run: RunLines,
    qrels: Qrels,
    measures: Iterable[Measure | str],
    *,
    ties: bool = False,
    ignore_identical_ids: bool = False,
) -> RunScores:
    """Score a run by ids; `ties` adds the expected, the smallest and the largest value over the orders of ties.

    `ignore_identical_ids` removes documents whose id equals that of their query, before any cut-off. Raises what
    `parse` and `over_ties` raise.
    """
    parsed = tuple(dict.fromkeys(parse(measure) if isinstance(measure, str) else measure for measure in measures))
    lists, known = rank_judged(run.without_own_ids() if ignore_identical_ids else run, qrels)
    ids = set(run.queries.to_pylist())
    named = np.array([query in ids for query in qrels.query_ids])
    counts = count_run(parsed, lists, known, named, extra=len(run.queries) - int(named.sum()))
    spreads = {str(measure): over_ties(measure, lists, known) for measure in parsed} if ties else {}
    return RunScores(parsed, qrels.query_ids, evaluate(parsed, lists, known), counts, spreads)


def score_files(
    qrels: Path, run: Path, measures: Iterable[str], *, ties: bool = False, ignore_identical_ids: bool = False
) -> RunScores:
    """Read both files and score; UserError for a wrong measure, before anything is read, and for damaged files."""
    parsed = [parse(measure) for measure in measures]
    judgements = read_qrels(qrels)
    return score(read_run(run), judgements, parsed, ties=ties, ignore_identical_ids=ignore_identical_ids)
