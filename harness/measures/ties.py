"""Values over the orders of tied documents: the expected, the smallest and the largest.

Source: McSherry and Najork 2008 for the expected values; the bounds are those of the worst and the best order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.run import Run
from harness.errors import UserError, nearest
from harness.measures.evaluate import evaluate
from harness.measures.hits import Hits, ratio
from harness.measures.judgements import Judgements
from harness.measures.ndcg import GAINS, discounted_gain
from harness.measures.scoring.names import Measure
from harness.measures.scoring.parse import is_native, parse, settings
from harness.measures.scoring.ranked import Ranked

FIRST_RELEVANT = ("RR", "Success")
"""Measures that depend on the first relevant document alone, hence on the first group that contains one."""
SUMS = ("nDCG", "P", "R", "R_cap", "Rprec", "RBP", "Judged")
"""Measures that sum a gain per document and rank: the expectation is the mean over the ranks of the group."""
SUPPORTED = (*SUMS, *FIRST_RELEVANT, "AP")


class Spread(NamedTuple):
    """Values over all orders of ties, float64[queries] each; NaN for a query that is not judged."""

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Groups(NamedTuple):
    """The groups of documents with equal scores within each query."""

    of_place: np.ndarray
    """The group of each place of the lists; int64[places]."""
    before: np.ndarray
    """The number of documents ranked above each group; int64[groups]."""
    size: np.ndarray
    """The number of documents in each group; int64[groups]."""


def over_ties(measure: Measure | str, run: Run | Ranked, judgements: Judgements) -> Spread:
    """Return the values of a measure over all orders of the documents whose scores (float32) are equal.

    For the expected value all orders are equally likely. Documents that are not in the run are not considered, even if
    its last score is tied with theirs. Raises UserError for a measure that is not SUPPORTED.
    """
    measure = parse(measure) if isinstance(measure, str) else measure
    if measure.base not in SUPPORTED or not is_native(measure):
        raise UserError(
            f"values over the orders of ties are not available for '{measure}'; {nearest(measure.base, SUPPORTED)}"
        )
    known = judgements.take(run.rows)
    lists = run if isinstance(run, Ranked) else Ranked.of(run)
    groups, hits = find_groups(lists), known.find_in(lists.documents, lists.borders, lists.retrieved)
    expected = np.where(known.judged, _expected(measure, hits, lists, groups), np.nan)
    return Spread(expected, *(_extreme(measure, hits, lists, groups, known, sign) for sign in (1, -1)))


def find_groups(lists: Ranked) -> Groups:
    """Find the groups of equal scores within each query."""
    begins = np.ones(len(lists.scores), dtype=bool)
    begins[1:] = (lists.scores[1:] != lists.scores[:-1]) | (lists.ranks[1:] == 1)
    starts = np.flatnonzero(begins)
    size = np.diff(np.append(starts, len(begins)))
    return Groups(np.cumsum(begins) - 1, lists.ranks[starts] - 1, size)


def _extreme(measure: Measure, hits: Hits, lists: Ranked, groups: Groups, known: Judgements, sign: int) -> np.ndarray:
    """Evaluate the worst order of every group (sign 1) or the best (-1); an unjudged document is the worst."""
    grades = np.full(len(lists.documents), np.iinfo(np.int64).min // 2)
    grades[_places(hits, lists)] = hits.grades
    order = np.lexsort((sign * grades, groups.of_place))
    reordered = Ranked(lists.documents[order], lists.scores[order], lists.borders)
    return evaluate([measure], reordered, known)[str(measure)]


def _places(hits: Hits, lists: Ranked) -> np.ndarray:
    """Return the place of each hit in the lists; int64[hits]."""
    places: np.ndarray = lists.borders[hits.rows] + hits.ranks - 1
    return places


def _expected(measure: Measure, hits: Hits, lists: Ranked, groups: Groups) -> np.ndarray:
    given = settings(measure)
    if measure.base in SUMS:
        return _expected_sum(measure.base, given, hits, lists, groups)
    relevant = hits.relevant(given["rel"])
    numbers, counts = np.unique(groups.of_place[_places(relevant, lists)], return_counts=True)
    rows = lists.queries[np.searchsorted(groups.of_place, numbers)]
    above = np.cumsum(counts) - counts
    above -= above[np.searchsorted(rows, rows)]  # relevant documents in earlier groups of the same query
    values = np.zeros(len(lists))
    for row, number, count, earlier in zip(*(a.tolist() for a in (rows, numbers, counts, above)), strict=True):
        before, size = int(groups.before[number]), int(groups.size[number])
        slots = size if given["k"] is None else min(max(given["k"] - before, 0), size)
        if measure.base == "AP":
            values[row] += _precisions(before, size, slots, count, earlier)
        elif not earlier:
            chances = _first_at(size, slots, count)
            ranks = before + np.arange(1, slots + 1)
            values[row] = (chances / ranks).sum() if measure.base == "RR" else chances.sum()
    return ratio(values, hits.known(given["rel"])) if measure.base == "AP" else values


def _precisions(before: int, size: int, slots: int, relevant: int, earlier: int) -> float:
    """Return the expected sum of the precisions at the relevant documents in the first `slots` places of one group.

    A place of the group is relevant with probability relevant / size; then each place above it in the group is
    relevant with probability (relevant - 1) / (size - 1).
    """
    above = np.arange(slots)
    others = above * (relevant - 1) / max(size - 1, 1)
    return float((relevant / size * (earlier + 1 + others) / (before + 1 + above)).sum())


def _first_at(size: int, slots: int, relevant: int) -> np.ndarray:
    """Return the probability that the first relevant document of a group is at each of its first places.

    float64[slots].
    """
    above = np.arange(slots)
    misses = np.maximum(size - relevant - above, 0) / (size - above)
    none = np.concatenate([[1.0], np.cumprod(misses)[:-1]]) if slots else np.empty(0)
    return none * np.minimum(relevant / (size - above), 1.0)


def _expected_sum(base: str, given: dict[str, Any], hits: Hits, lists: Ranked, groups: Groups) -> np.ndarray:
    """Weight the gain of each document by the mean weight of the ranks of its group, up to the cut-off."""
    k, counted = given.get("k"), hits.relevant(given["rel"]) if "rel" in given else hits
    ranks = np.arange(1, int(lists.retrieved.max(initial=0)) + 1)
    weights, gains = np.ones(len(ranks)), np.ones(len(counted.rows))
    if base == "nDCG":
        weights = 1 / np.log2(ranks + 1)
        gains = GAINS[given["dcg"]](np.maximum(counted.grades, 0).astype(np.float64))
    elif base == "RBP":
        weights = given["p"] ** (ranks - 1.0)
    cutoffs = np.full(len(lists), len(ranks) if k is None else min(k, len(ranks)))
    if base == "Rprec":
        cutoffs = np.minimum(hits.known(given["rel"]).astype(np.int64), len(ranks))
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    number = groups.of_place[_places(counted, lists)]
    start, limit = groups.before[number], cutoffs[counted.rows]
    in_group = sums[np.minimum(start + groups.size[number], limit)] - sums[np.minimum(start, limit)]
    return ratio(counted.total(gains * in_group / groups.size[number]), _denominator(base, given, hits))


def _denominator(base: str, given: dict[str, Any], hits: Hits) -> np.ndarray:
    """Return what the sum is divided by; float64[queries]."""
    k = given.get("k")
    if base == "nDCG":
        return discounted_gain(hits.ideal.cut(k), given["dcg"])
    if base == "Judged":
        return hits.retrieved if k is None else np.minimum(hits.retrieved, k)
    if base in ("P", "RBP"):
        return np.full(len(hits.retrieved), given["k"] if base == "P" else 1 / (1 - given["p"]))
    known = hits.known(given["rel"])
    return np.minimum(known, given["k"]) if base == "R_cap" else known
