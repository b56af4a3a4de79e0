"""Measures by hand, and the rules that hold for all of them."""

from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements, resolve

ALL = ["nDCG@3", "nDCG", "RR@3", "R@3", "R_cap@3", "P@3", "AP", "AP@3", "Success@3", "Judged@3", "Rprec", "RBP(rel=1)"]


def known(*graded):
    """One dictionary {document: grade} a query; a negative document is outside the corpus."""
    triples = [(row, document, grade) for row, some in enumerate(graded) for document, grade in some.items()]
    rows, documents, grades = np.array(triples, dtype=int).reshape(-1, 3).T
    return Judgements.of(rows, documents, grades, len(graded))


def ranked(*lists):
    depth = max(map(len, lists))
    documents = np.array([[*some, *[NONE] * (depth - len(some))] for some in lists], dtype=np.int32)
    return Run(documents.reshape(len(lists), depth), np.where(documents == NONE, -np.inf, 0.0).astype(np.float32))


def value(name, found, judged):
    return evaluate([name], ranked(found), known(judged))[name][0]


GRADED = {0: 3, 1: 2, 2: 1}


@pytest.mark.parametrize(
    ("name", "found", "judged", "expected"),
    [
        ("nDCG@10", [0, 1, 2], GRADED, 1.0),
        ("nDCG@10", [2, 1, 0], GRADED, (1 + 2 / log2(3) + 3 / 2) / (3 + 2 / log2(3) + 1 / 2)),
        ("nDCG(dcg='exp-log2')@10", [2, 1, 0], GRADED, (1 + 3 / log2(3) + 7 / 2) / (7 + 3 / log2(3) + 1 / 2)),
        ("nDCG@1", [1], GRADED, 2 / 3),
        ("nDCG@5", [0], {0: 1, 1: 1, 2: 1}, 1 / (1 + 1 / log2(3) + 1 / 2)),  # the ideal is not cut to what was found
        ("nDCG@2", [0, 1], {0: -2, 1: 1}, 1 / log2(3)),  # a negative grade gains nothing, and costs nothing
        ("nDCG@10", [0], {0: 1, -1: 2}, 1 / (2 + 1 / log2(3))),  # the ideal counts what the corpus lacks
        ("RR", [9, 9, 9, 0], {0: 1}, 0.25),
        ("RR@3", [8, 7, 9, 0], {0: 1}, 0.0),
        ("RR(rel=2)@10", [0, 1], {0: 1, 1: 2}, 0.5),
        ("P@10", [0, 1], {0: 1, 1: 1}, 0.2),
        ("R@10", list(range(10)), dict.fromkeys(range(20), 1), 0.5),
        ("Success@10", list(range(10)), dict.fromkeys(range(20), 1), 1.0),
        ("R_cap@10", list(range(10)), dict.fromkeys(range(20), 1), 1.0),
        ("R@5", [0], {0: 1, -1: 1}, 0.5),
        ("AP", [0, 9, 1], {0: 1, 1: 1, 2: 1}, (1 + 2 / 3) / 3),
        ("AP@2", [0, 9, 1], {0: 1, 1: 1, 2: 1}, 1 / 3),
        ("Rprec", [0, 9, 1], {0: 1, 1: 1, 2: 0}, 0.5),
        ("RBP(p=0.5,rel=1)", [0, 9, 1], {0: 1, 1: 1}, 0.5 * (1 + 0.25)),
        ("RBP(p=0.5,rel=1)@2", [0, 9, 1], {0: 1, 1: 1}, 0.5),
        ("Judged@10", [0, 9], {0: 0}, 0.5),  # over what was retrieved, not over ten
        ("Judged@1", [0, 9], {0: 0}, 1.0),
        ("Judged", [0, 9, 8, 7], {0: -1}, 0.25),
        ("P(rel=0)@2", [0, 9], {0: 0}, 0.5),  # unjudged is not grade 0
    ],
)
def test_values_by_hand(name, found, judged, expected):
    assert value(name, found, judged) == pytest.approx(expected, abs=1e-15)


def test_the_row_number_breaks_a_tie_as_the_id_does_in_every_measure():
    run = Run.top(np.array([[1.0, 1.0]]), 2)  # b stands first: the higher id
    a, b = evaluate(ALL, run, known({0: 1})), evaluate(ALL, run, known({1: 1}))
    assert (a["RR@3"], b["RR@3"]) == (0.5, 1.0)
    assert (a["nDCG@3"][0], b["nDCG@3"]) == (pytest.approx(1 / log2(3)), 1.0)
    assert (a["Rprec"], b["Rprec"]) == (0.0, 1.0)


@pytest.mark.parametrize("name", ALL)
def test_who_counts(name):
    """A judged query counts 0 if the run lacks it or nothing is relevant; an unjudged one is NaN."""
    run = ranked([0], [], [0], [0])
    values = evaluate([name], run, known({0: 1}, {0: 1}, {5: 0}, {}))[name]
    assert values[0] > 0
    assert values[1:3].tolist() == [0, 0]
    assert np.isnan(values[3])


def test_nothing_at_all():
    """Neither queries, nor places, nor judgements are needed."""
    empty = known()
    assert all(len(found) == 0 for found in evaluate(ALL, Run.top(np.empty((0, 3)), 3), empty).values())
    flat = Run(np.empty((2, 0), np.int32), np.empty((2, 0), np.float32))
    assert evaluate(["nDCG@10", "Judged@10"], flat, known({0: 1}, {0: 1}))["nDCG@10"].tolist() == [0, 0]
    assert np.isnan(evaluate(["AP"], ranked([0]), known({}))["AP"]).all()


def test_aliases_come_back_under_canonical_names():
    assert list(evaluate(["ndcg@10", "mrr@10"], ranked([0]), known({0: 1}))) == ["nDCG@10", "RR@10"]


def test_rows_of_another_data_set_are_refused():
    run = Run(np.zeros((2, 1), np.int32), np.zeros((2, 1), np.float32), range(4, 6))
    with pytest.raises(ValueError, match=r"expected consecutive rows within the 1 queries, found range\(4, 6\)"):
        evaluate(["RR"], run, known({0: 1}))


def test_ids_are_resolved_to_rows_in_their_order():
    corpus = Corpus.of([("d2", ""), ("d10", ""), ("d1", "")])  # rows: d1, d10, d2
    queries = Queries.of([("q2", ""), ("q1", "")])
    qrels = Qrels.of([("q1", "d10", 1), ("q1", "gone", 2), ("q2", "d2", 1), ("q3", "d1", 1)])
    found = resolve(corpus, queries, qrels)
    assert found.rows.tolist() == [0, 0, 1]
    assert found.grades.tolist() == [2, 1, 1]
    assert found.documents[1:].tolist() == [1, 2]
    assert found.documents[0] < NONE
    assert found.names.judged.to_pylist() == ["gone", "d10", "d2"]


@st.composite
def cases(draw):
    """Three queries, twelve documents, scores on a coarse grid, grades with gaps."""
    scores = draw(st.lists(st.lists(st.integers(-8, 8), min_size=12, max_size=12), min_size=3, max_size=3))
    grades = draw(st.lists(st.dictionaries(st.integers(-3, 11), st.integers(-1, 3)), min_size=3, max_size=3))
    return np.array(scores, dtype=np.float32), grades


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(-100, 100), st.integers(-20, 20))
def test_only_the_order_of_scores_counts(case, offset, exponent):
    """Sums of small integers and powers of two are exact in float32, so the order is untouched."""
    scores, grades = case
    before = evaluate(ALL, Run.top(scores, 12), known(*grades))
    after = evaluate(ALL, Run.top((scores + offset) * 2.0**exponent, 12), known(*grades))
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


@settings(max_examples=40, deadline=None)
@given(cases(), st.permutations(range(3)))
def test_queries_do_not_touch_each_other(case, order):
    """Any order of the queries, and any slice of them, gives the same values."""
    scores, grades = case
    run, judged = Run.top(scores, 12), known(*grades)
    whole = evaluate(ALL, run, judged)
    mixed = evaluate(ALL, Run.top(scores[list(order)], 12), known(*(grades[row] for row in order)))
    for name, values in whole.items():
        np.testing.assert_array_equal(values[list(order)], mixed[name])
        parts = [evaluate([name], run.take(slice(row, row + 1)), judged)[name] for row in range(3)]
        np.testing.assert_array_equal(values, np.concatenate(parts))


@settings(max_examples=40, deadline=None)
@given(cases())
def test_values_lie_between_0_and_1_and_the_ideal_run_is_perfect(case):
    scores, grades = case
    for values in evaluate(ALL, Run.top(scores, 12), known(*grades)).values():
        assert ((values >= 0) & (values <= 1 + 1e-12) | np.isnan(values)).all()
    inside = [{document: grade for document, grade in some.items() if document >= 0} for some in grades]
    best = ranked(*(sorted(some, key=some.get, reverse=True) for some in inside))
    perfect = evaluate(["nDCG", "Rprec"], best, known(*inside))
    relevant = np.array([max(some.values(), default=0) > 0 for some in inside])
    for values in perfect.values():
        np.testing.assert_allclose(values[relevant], 1, atol=1e-15)
