"""Fusion against dictionaries and loops, and against sums by hand."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import numpy as np
import pytest

from harness.artifacts.ranx import row_names, to_ranx
from harness.artifacts.run import NONE, Run
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.fuse.rrf import Rrf
from harness.stages.fuse.weighted import Normalization, Weighted

NAMED = STAGES["fuse/rrf"], STAGES["fuse/weighted"]  # a class learns its name when it is asked for


def run_of(*rows: dict[int, float]) -> Run:
    width = max((len(row) for row in rows), default=0)
    documents = np.full((len(rows), width), NONE, np.int32)
    scores = np.full((len(rows), width), -np.inf, np.float32)
    for place, row in enumerate(rows):
        documents[place, : len(row)] = list(row)
        scores[place, : len(row)] = list(row.values())
    return Run.top(scores, width, documents=documents)


def random_run(seed: int, queries: int = 40, corpus: int = 60, least: int = 0) -> Run:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(queries):
        found = rng.choice(corpus, size=rng.integers(least, 30), replace=False)
        rows.append({int(d): float(s) for d, s in zip(found, rng.normal(size=len(found)).round(1), strict=True)})
    return run_of(*rows)


def as_dicts(run: Run) -> list[dict[int, float]]:
    rows = zip(run.documents.tolist(), run.scores.tolist(), strict=True)
    return [{d: s for d, s in zip(*row, strict=True) if d != NONE} for row in rows]


def rescaled(row: dict[int, float], how: Normalization) -> dict[int, float]:
    """The definitions of ranx and of Qdrant (dbsf), one query at a time."""
    values = list(row.values())
    if how == "none" or not row:
        return row
    if how == "rank":
        return {d: 1 - place / len(row) for place, d in enumerate(row)}
    if how == "max":
        return {d: s / max(max(values), 1e-9) for d, s in row.items()}
    if how == "sum":
        return {d: (s - min(values)) / max(sum(values) - min(values) * len(row), 1e-9) for d, s in row.items()}
    if how == "minmax-inverted":
        return {d: (max(values) - s) / max(max(values) - min(values), 1e-9) for d, s in row.items()}
    mean = sum(values) / len(values)
    if how == "minmax":
        return {d: (s - min(values)) / max(max(values) - min(values), 1e-9) for d, s in row.items()}
    if how == "zscore":
        deviation = (sum((s - mean) ** 2 for s in values) / len(values)) ** 0.5
        return {d: (s - mean) / max(deviation, 1e-9) for d, s in row.items()}
    deviation = (sum((s - mean) ** 2 for s in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else 0
    low, high = mean - 3 * deviation, mean + 3 * deviation
    return {d: (s - low) / (high - low) if deviation else 0.5 for d, s in row.items()}


def borda(rows: list[dict[int, float]]) -> list[dict[int, float]]:
    """Points by place among all candidates; what a run lacks shares the points left (ranx's `borda_norm`)."""
    candidates: set[int] = set().union(*rows)
    n = len(candidates)
    return [
        {d: 1 - list(row).index(d) / n if d in row else 0.5 - (len(row) - 1) / (2 * n) for d in candidates}
        for row in rows
    ]


def summed(rows: list[dict[int, float]]) -> dict[int, float]:
    total: dict[int, float] = {}
    for row in rows:
        for document, share in row.items():
            total[document] = total.get(document, 0.0) + share
    return total


def ranked(total: dict[int, float], depth: int) -> list[int]:
    return sorted(total, key=lambda d: (np.float32(total[d]), d), reverse=True)[:depth]


@pytest.mark.parametrize("weights", [None, (1.0, 0.25, 2.0)])
def test_rrf_by_loops(weights: tuple[float, ...] | None) -> None:
    runs = [random_run(seed) for seed in range(3)]
    fused = as_dicts(Rrf(k=60, weights=weights, depth=20).open(Runtime())(*runs))
    for query, got in enumerate(fused):
        shares = [
            {d: weight / (60 + place) for place, d in enumerate(as_dicts(run)[query], start=1)}
            for run, weight in zip(runs, weights or (1, 1, 1), strict=True)
        ]
        total = summed(shares)
        assert list(got) == ranked(total, 20)
        assert got == pytest.approx({d: total[d] for d in got}, rel=1e-6)


@pytest.mark.parametrize("how", get_args(Normalization))
def test_weighted_by_loops(how: Normalization) -> None:
    runs, weights = [random_run(seed) for seed in range(2)], (0.3, 0.7)
    stage = Weighted(weights=weights, normalization=how, depth=100)
    fused, totals = stage.open(Runtime())(*runs), stage.totals(*runs)
    for query, got in enumerate(as_dicts(fused)):
        rows = [as_dicts(run)[query] for run in runs]
        there = borda(rows) if how == "borda" else [rescaled(row, how) for row in rows]
        shares = [{d: weight * s for d, s in row.items()} for row, weight in zip(there, weights, strict=True)]
        expected = summed(shares)
        inside = dict(zip(totals.documents[query].tolist(), totals.sums[query].tolist(), strict=True))
        inside.pop(NONE, None)
        assert inside == pytest.approx(expected, rel=1e-9, abs=1e-9), "float64 inside"
        assert set(got) == set(expected)
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_rrf_by_hand() -> None:
    fused = Rrf(k=60, depth=3).open(Runtime())(run_of({1: 9.0, 2: 8.0}), run_of({2: 0.4, 3: 0.3}))
    assert fused.documents.tolist() == [[2, 1, 3]]
    np.testing.assert_allclose(fused.scores, [[1 / 62 + 1 / 61, 1 / 61, 1 / 62]], rtol=1e-6)


def test_equal_sums_tie_by_document() -> None:
    runs = [run_of({5: 2.0, 9: 1.0, 7: 0.5}), run_of({9: 2.0, 7: 1.0, 5: 0.5}), run_of({7: 2.0, 5: 1.0, 9: 0.5})]
    assert Rrf(k=60, depth=3).open(Runtime())(*runs).documents.tolist() == [[9, 7, 5]]


@pytest.mark.parametrize(
    "stage",
    [Rrf(depth=5), *(Weighted(depth=5, normalization=n) for n in get_args(Normalization) if n != "minmax-inverted")],
)
def test_one_run_and_empty_runs(stage: Any) -> None:
    run, empty = run_of({4: 3.0, 1: 2.0, 8: 1.0}, {2: 1.0}), run_of({}, {})
    fuse = stage.open(Runtime())
    assert fuse(run).documents.tolist() == [[4, 1, 8], [2, NONE, NONE]]
    assert fuse(empty).documents.shape == (2, 0)
    assert fuse(run, empty).documents.tolist() == fuse(run).documents.tolist()
    assert fuse(run.take(slice(0, 0))).documents.shape[0] == 0


def test_rows_are_kept() -> None:
    part = random_run(1).take(slice(10, 20))
    assert Rrf(depth=5).open(Runtime())(part, part).rows == range(10, 20)


def test_what_does_not_fit_is_refused() -> None:
    run = random_run(1)
    with pytest.raises(UserError, match="1 weights for 2 runs"):
        Rrf(depth=5, weights=(1.0,)).open(Runtime())(run, run)
    with pytest.raises(UserError, match="different queries"):
        Weighted(depth=5).open(Runtime())(run, run.take(slice(1, 5)))
    with pytest.raises(UserError, match="at least one run"):
        Rrf(depth=5).open(Runtime())()


RANX = {"minmax": "min-max", "minmax-inverted": "min-max-inverted", "zscore": "zmuv", "none": None}
"""What ranx calls a normalisation, where it has another word."""


@pytest.mark.slow
def test_200_pairs_equal_ranx() -> None:
    """Sums in float64, before the run rounds them to float32; ranx is given the same float32 scores, in our order.

    Every query finds something in each run: ranx's "zmuv" divides by zero for one that does not, and then loses what
    other runs found for its neighbours.
    """
    ranx = pytest.importorskip("ranx", reason="ranx is not installed")
    rng, queries, names = np.random.default_rng(8), row_names(3), row_names(60)
    norms = [name for name in get_args(Normalization) if name != "dbsf"]
    for pair in range(200):
        runs = [random_run(int(rng.integers(1 << 30)), queries=3, least=1) for _ in range(2)]
        theirs = [to_ranx(run, queries, names) for run in runs]
        weights, k = tuple(rng.random(2)), int(rng.integers(1, 100))
        cases: list[tuple[Any, dict[str, Any]]] = [
            (Rrf(k=k, depth=100), {"method": "rrf", "norm": None, "params": {"k": k}}),
        ]
        for norm in norms if pair % 2 else norms[::-1]:
            stage = Weighted(weights=weights, normalization=norm, depth=100)
            wanted = {"method": "wsum", "norm": RANX.get(norm, norm), "params": {"weights": list(weights)}}
            cases.append((stage, wanted))
        for stage, wanted in cases:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = ranx.fuse(theirs, **wanted).to_dict()
            totals = stage.totals(*runs)
            for query, documents, sums in zip(queries, totals.documents, totals.sums, strict=True):
                got = {names[d]: s for d, s in zip(documents, sums, strict=True) if d != NONE}
                assert got == pytest.approx(expected.get(query, {}), rel=1e-9, abs=1e-9), (pair, wanted)
