"""Values over the orders of tied documents, against all permutations."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifacts.run import Run
from harness.errors import UserError
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements
from harness.measures.ties import over_ties

NAMES = [
    "nDCG@3", "nDCG", "nDCG(dcg='exp-log2')@2", "P@2", "P(rel=0)@3", "R@3", "R_cap@2", "Rprec", "RBP(rel=1)",
    "RBP(rel=2)@3", "Judged@2", "Judged", "Success@1", "Success(rel=2)@3", "RR", "RR@2", "RR(rel=2)@3", "AP",
    "AP@3", "AP(rel=2)@2",
]  # fmt: skip


def judgements(grades):
    some = [(document, grade) for document, grade in enumerate(grades) if grade is not None]
    documents, values = np.array(some or [(9, 0)], dtype=int).T
    return Judgements.of(np.zeros(len(documents), dtype=int), documents, values, queries=1)


def orders(scores):
    """Give every order of the documents in which the scores fall."""
    levels = sorted(set(scores), reverse=True)
    groups = [[i for i, score in enumerate(scores) if score == level] for level in levels]
    for parts in product(*(permutations(group) for group in groups)):
        yield [document for part in parts for document in part]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, -1, 0, 1, 2])), min_size=1, max_size=6),
    st.sampled_from(NAMES),
)
def test_all_permutations(pairs, name):
    scores, grades = zip(*pairs, strict=True)
    known = judgements(grades)
    run = Run.top(np.array([scores], dtype=np.float32), len(scores))
    found = over_ties(name, run, known)
    falling = np.zeros((1, len(scores)), dtype=np.float32)
    values = []
    for order in orders(scores):
        one = Run(np.array([order], dtype=np.int32), falling)
        values.append(evaluate([name], one, known)[name][0])
    assert found.expected[0] == pytest.approx(np.mean(values), abs=1e-12)
    assert found.low[0] == pytest.approx(min(values), abs=1e-12)
    assert found.high[0] == pytest.approx(max(values), abs=1e-12)


def test_several_queries_with_gaps_are_each_as_alone():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 3, (5, 40)).astype(np.float32)
    scores[2] = -np.inf
    run = Run.top(scores, 30)
    triples = [(row, document, rng.integers(-1, 3)) for row in (0, 2, 3, 4) for document in rng.permutation(40)[:15]]
    known = Judgements.of(*np.array(triples).T, queries=5)
    for name in NAMES:
        whole = over_ties(name, run, known)
        for row in range(5):
            alone = over_ties(name, run.take(slice(row, row + 1)), known)
            for part, other in zip(whole, alone, strict=True):
                np.testing.assert_array_equal(part[row : row + 1], other)
        assert np.isnan(whole.expected).tolist() == [False, True, False, False, False]
        low, middle, high = whole.low, whole.expected, whole.high
        assert ((low <= middle + 1e-12) & (middle <= high + 1e-12) | np.isnan(low)).all()


def test_a_constant_scorer_stands_at_chance():
    """One relevant document of a hundred, all tied: RR is the mean of 1 / rank, Success@10 a tenth, whatever its id."""
    run = Run.top(np.zeros((2, 100), dtype=np.float32), 100)
    known = Judgements.of(np.array([0, 1]), np.array([0, 99]), np.array([1, 1]), queries=2)
    np.testing.assert_allclose(over_ties("RR", run, known).expected, (1 / np.arange(1, 101)).mean())
    np.testing.assert_allclose(over_ties("Success@10", run, known).expected, 0.1)


@pytest.mark.parametrize("name", ["Bpref", "nDCG(judged_only=True)@10"])
def test_other_measures_are_refused(name):
    pytest.importorskip("ir_measures")
    with pytest.raises(UserError, match="values over the orders of ties are not available for"):
        over_ties(name, Run.top(np.zeros((1, 2)), 2), judgements([1, 0]))
