"""Counts that qualify every value: missing and empty queries, ties at the cut-off, unjudged documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from harness.artifacts.run import Run
from harness.measures.judgements import Judgements
from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import of_spans, required_depth
from harness.measures.scoring.ranked import Ranked


@dataclass(frozen=True)
class Counts:
    """Counts of judged queries, and of what a run has for them."""

    n_queries: int
    """The number of judged queries: every mean is taken over them."""
    n_missing: int
    """The number of judged queries that the run does not name; each counts 0."""
    n_empty: int
    """The number of judged queries that were run and retrieved nothing; each counts 0."""
    n_no_relevant: int
    """The number of judged queries without a document of grade 1 or higher; each counts 0."""
    n_extra: int = 0
    """The number of queries of the run that are not judged; they are left out."""
    tied_at: dict[int, int | None] = field(default_factory=dict)
    """By cut-off k, the number of queries whose documents at ranks k and k + 1 have the same score, so that the tie
    rule decides which is in; None if no list extends beyond k, because the number is then unknown."""
    unjudged_at: dict[int, float] = field(default_factory=dict)
    """By cut-off k, the mean number of unjudged documents in the first k, over the queries."""

    def quantities(self) -> Iterator[tuple[str, float, str]]:
        """Yield the name, value and unit of each count; unknown ones are left out."""
        for name in ("missing", "empty", "no_relevant"):
            yield f"{name}_queries", getattr(self, f"n_{name}"), "queries"
        yield from ((f"tied_at_{k}", tied, "queries") for k, tied in self.tied_at.items() if tied is not None)
        yield from ((f"unjudged_at_{k}", mean, "documents/query") for k, mean in self.unjudged_at.items())

    def document(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        counts = asdict(self)
        return counts | {name: {str(k): v for k, v in counts[name].items()} for name in ("tied_at", "unjudged_at")}


def count_run(
    measures: Iterable[Measure],
    run: Run | Ranked,
    judgements: Judgements,
    named: np.ndarray | None = None,
    extra: int = 0,
) -> Counts:
    """Count queries and documents of a run; the cut-offs are those of the document measures.

    `named` bool[queries] tells which queries the run names, all of them for None; `extra` becomes `n_extra`.
    """
    known = judgements.take(run.rows)
    lists = run if isinstance(run, Ranked) else Ranked.of(run)
    judged, nothing = known.judged, known.judged & (lists.retrieved == 0)
    missing = nothing & ~(np.ones(len(lists), bool) if named is None else named)
    cutoffs = sorted({k for measure in measures if not of_spans(measure) and (k := required_depth(measure))})
    hits = known.find_in(lists.documents, lists.borders, lists.retrieved)
    queries = int(judged.sum())
    return Counts(
        n_queries=queries,
        n_missing=int(missing.sum()),
        n_empty=int((nothing & ~missing).sum()),
        n_no_relevant=int((judged & (known.ideal.relevant(1).total() == 0)).sum()),
        n_extra=extra,
        tied_at={k: _tied_at(k, lists, judged) for k in cutoffs},
        unjudged_at={
            k: float((np.minimum(lists.retrieved, k) - hits.cut(k).total())[judged].sum()) / max(queries, 1)
            for k in cutoffs
        },
    )


def _tied_at(k: int, lists: Ranked, judged: np.ndarray) -> int | None:
    longer = np.flatnonzero(judged & (lists.retrieved > k))
    if not len(longer):
        return None
    last = lists.borders[longer] + k - 1
    return int((lists.scores[last] == lists.scores[last + 1]).sum())
