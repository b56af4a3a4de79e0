"""What a measure may be where scores are equal: expected, smallest and largest value over all orders of ties.

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
from harness.measures.names import Measure
from harness.measures.ndcg import GAINS, discounted_gain
from harness.measures.parse import is_native, parse, settings
from harness.measures.ranked import Ranked

FIRST_COUNTS = ("RR", "Success")
"""Only the first group with a relevant document matters."""
ADDS_UP = ("nDCG", "P", "R", "R_cap", "Rprec", "RBP", "Judged")
"""A sum over documents of what each earns at its rank: the expectation is the mean over the ranks of its group."""
ORDERABLE = (*ADDS_UP, *FIRST_COUNTS, "AP")


class Spread(NamedTuple):
    """One value a query each, float64[queries]; NaN where the query is not judged."""

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Groups(NamedTuple):
    """Runs of equal scores: for every place of the lists, which one it is in; for every one, where and how large."""

    of_place: np.ndarray
    before: np.ndarray
    """How many documents stand above the group."""
    size: np.ndarray


def over_ties(measure: Measure | str, run: Run | Ranked, judgements: Judgements) -> Spread:
    """Return what the measure gives over all orders of the documents whose scores (float32) are equal.

    All orders are equally likely for the expected value. Documents that the run does not hold are not considered, even
    where the last score it holds is tied with theirs. Raises UserError for a measure whose values are not known so.
    """
    wanted = parse(measure) if isinstance(measure, str) else measure
    if wanted.base not in ORDERABLE or not is_native(wanted):
        raise UserError(f"'{wanted}' has no value over the orders of ties here; {nearest(wanted.base, ORDERABLE)}")
    known = judgements.take(run.rows)
    lists = run if isinstance(run, Ranked) else Ranked.of(run)
    groups, hits = find_groups(lists), known.find_in(lists.documents, lists.borders, lists.retrieved)
    expected = np.where(known.judged, _expected(wanted, hits, lists, groups), np.nan)
    return Spread(expected, *(_extreme(wanted, hits, lists, groups, known, sign) for sign in (1, -1)))


def find_groups(lists: Ranked) -> Groups:
    """Find the groups of equal scores within each query."""
    fresh = np.ones(len(lists.scores), dtype=bool)
    fresh[1:] = (lists.scores[1:] != lists.scores[:-1]) | (lists.ranks[1:] == 1)
    starts = np.flatnonzero(fresh)
    size = np.diff(np.append(starts, len(fresh)))
    return Groups(np.cumsum(fresh) - 1, lists.ranks[starts] - 1, size)


def _extreme(measure: Measure, hits: Hits, lists: Ranked, groups: Groups, known: Judgements, sign: int) -> np.ndarray:
    """Evaluate the worst order within every group (sign 1) or the best (-1); an unjudged document is the worst."""
    grades = np.full(len(lists.documents), np.iinfo(np.int64).min // 2)
    grades[_places(hits, lists)] = hits.grades
    order = np.lexsort((sign * grades, groups.of_place))
    turned = Ranked(lists.documents[order], lists.scores[order], lists.borders)
    return evaluate([measure], turned, known)[str(measure)]


def _places(hits: Hits, lists: Ranked) -> np.ndarray:
    """Return where the hits stand in the lists."""
    found: np.ndarray = lists.borders[hits.rows] + hits.ranks - 1
    return found


def _expected(measure: Measure, hits: Hits, lists: Ranked, groups: Groups) -> np.ndarray:
    given = settings(measure)
    if measure.base in ADDS_UP:
        return _expected_sum(measure.base, given, hits, lists, groups)
    found = hits.relevant(given["rel"])
    numbers, counts = np.unique(groups.of_place[_places(found, lists)], return_counts=True)
    rows = lists.queries[np.searchsorted(groups.of_place, numbers)]
    above = np.cumsum(counts) - counts
    above -= above[np.searchsorted(rows, rows)]  # relevant documents in earlier groups of the same query
    values = np.zeros(len(lists))
    for row, number, relevant, earlier in zip(*(a.tolist() for a in (rows, numbers, counts, above)), strict=True):
        before, size = int(groups.before[number]), int(groups.size[number])
        slots = size if given["k"] is None else min(max(given["k"] - before, 0), size)
        if measure.base == "AP":
            values[row] += _precisions(before, size, slots, relevant, earlier)
        elif not earlier:
            chances = _first_at(size, slots, relevant)
            ranks = before + np.arange(1, slots + 1)
            values[row] = (chances / ranks).sum() if measure.base == "RR" else chances.sum()
    return ratio(values, hits.known(given["rel"])) if measure.base == "AP" else values


def _precisions(before: int, size: int, slots: int, relevant: int, earlier: int) -> float:
    """Return the expected sum of the precisions at the relevant documents of one group, in its first `slots` places.

    A place of the group is relevant with chance relevant / size; then each place above it in the group is relevant with
    chance (relevant - 1) / (size - 1).
    """
    above = np.arange(slots)
    others = above * (relevant - 1) / max(size - 1, 1)
    return float((relevant / size * (earlier + 1 + others) / (before + 1 + above)).sum())


def _first_at(size: int, slots: int, relevant: int) -> np.ndarray:
    """Return the chance that the first relevant document of a group stands at each of its first `slots` places."""
    above = np.arange(slots)
    misses = np.maximum(size - relevant - above, 0) / (size - above)
    none = np.concatenate([[1.0], np.cumprod(misses)[:-1]]) if slots else np.empty(0)
    return none * np.minimum(relevant / (size - above), 1.0)


def _expected_sum(base: str, given: dict[str, Any], hits: Hits, lists: Ranked, groups: Groups) -> np.ndarray:
    """Give every document the mean of what its gain is worth at the ranks of its group, as far as they are not cut."""
    k, counted = given.get("k"), hits.relevant(given["rel"]) if "rel" in given else hits
    ranks = np.arange(1, int(lists.retrieved.max(initial=0)) + 1)
    worth, gains = np.ones(len(ranks)), np.ones(len(counted.rows))
    if base == "nDCG":
        worth = 1 / np.log2(ranks + 1)
        gains = GAINS[given["dcg"]](np.maximum(counted.grades, 0).astype(np.float64))
    elif base == "RBP":
        worth = given["p"] ** (ranks - 1.0)
    cut = np.full(len(lists), len(ranks) if k is None else min(k, len(ranks)))
    if base == "Rprec":
        cut = np.minimum(hits.known(given["rel"]).astype(np.int64), len(ranks))
    sums = np.concatenate([[0.0], np.cumsum(worth)])
    number = groups.of_place[_places(counted, lists)]
    start, limit = groups.before[number], cut[counted.rows]
    earned = sums[np.minimum(start + groups.size[number], limit)] - sums[np.minimum(start, limit)]
    return ratio(counted.total(gains * earned / groups.size[number]), _whole(base, given, hits))


def _whole(base: str, given: dict[str, Any], hits: Hits) -> np.ndarray:
    """Return what the sum is divided by."""
    k = given.get("k")
    if base == "nDCG":
        return discounted_gain(hits.ideal.cut(k), given["dcg"])
    if base == "Judged":
        return hits.retrieved if k is None else np.minimum(hits.retrieved, k)
    if base in ("P", "RBP"):
        return np.full(len(hits.retrieved), given["k"] if base == "P" else 1 / (1 - given["p"]))
    known = hits.known(given["rel"])
    return np.minimum(known, given["k"]) if base == "R_cap" else known
