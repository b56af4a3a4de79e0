"""What stands beside every value: queries that are missing or empty, ties at the cut, documents that nobody judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from harness.artifacts.run import Run
from harness.measures.judgements import Judgements
from harness.measures.names import Measure
from harness.measures.parse import of_spans, required_depth
from harness.measures.ranked import Ranked


@dataclass(frozen=True)
class Census:
    """Counts of judged queries, and of what the run holds for them."""

    n_queries: int
    """Judged queries: what every mean is taken over."""
    n_missing: int
    """Of these, queries that the run does not name; each counts 0."""
    n_empty: int
    """Queries that were asked and for which nothing was found; each counts 0."""
    n_no_relevant: int
    """Queries without a document of grade 1 or better; each counts 0."""
    n_extra: int = 0
    """Queries of the run that are not judged; they are left out."""
    tied_at: dict[int, int | None] = field(default_factory=dict)
    """By cutoff k: queries whose documents at ranks k and k + 1 have the same score, so that the tie rule decides who
    is in; None where no list goes on after k, so that nobody can know."""
    unjudged_at: dict[int, float] = field(default_factory=dict)
    """By cutoff k: unjudged documents in the first k, mean over the queries."""

    def quantities(self) -> Iterator[tuple[str, float, str]]:
        """Give each count as quantity, value and unit; what nobody can know is left out."""
        for name in ("missing", "empty", "no_relevant"):
            yield f"{name}_queries", getattr(self, f"n_{name}"), "queries"
        yield from ((f"tied_at_{k}", tied, "queries") for k, tied in self.tied_at.items() if tied is not None)
        yield from ((f"unjudged_at_{k}", mean, "documents/query") for k, mean in self.unjudged_at.items())

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        said = asdict(self)
        return said | {name: {str(k): v for k, v in said[name].items()} for name in ("tied_at", "unjudged_at")}


def take_census(
    measures: Iterable[Measure],
    run: Run | Ranked,
    judgements: Judgements,
    asked: np.ndarray | None = None,
    extra: int = 0,
) -> Census:
    """Count. `asked` bool[queries] tells which queries the run names, all for None; `extra` is handed through.

    The cutoffs are those of the measures of documents.
    """
    known = judgements.take(run.rows)
    lists = run if isinstance(run, Ranked) else Ranked.of(run)
    judged, nothing = known.judged, known.judged & (lists.retrieved == 0)
    missing = nothing & ~(np.ones(len(lists), bool) if asked is None else asked)
    cutoffs = sorted({k for measure in measures if not of_spans(measure) and (k := required_depth(measure))})
    hits = known.find_in(lists.documents, lists.borders, lists.retrieved)
    count = int(judged.sum())
    return Census(
        n_queries=count,
        n_missing=int(missing.sum()),
        n_empty=int((nothing & ~missing).sum()),
        n_no_relevant=int((judged & (known.ideal.relevant(1).total() == 0)).sum()),
        n_extra=extra,
        tied_at={k: _tied_at(k, lists, judged) for k in cutoffs},
        unjudged_at={
            k: float((np.minimum(lists.retrieved, k) - hits.cut(k).total())[judged].sum()) / max(count, 1)
            for k in cutoffs
        },
    )


def _tied_at(k: int, lists: Ranked, judged: np.ndarray) -> int | None:
    longer = np.flatnonzero(judged & (lists.retrieved > k))
    if not len(longer):
        return None
    last = lists.borders[longer] + k - 1
    return int((lists.scores[last] == lists.scores[last + 1]).sum())
