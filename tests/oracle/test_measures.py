"""Measures against pytrec_eval and ir_measures, on random runs with ties and every kind of gap."""

from typing import NamedTuple

import numpy as np
import pytest

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements, resolve

pytrec_eval = pytest.importorskip("pytrec_eval")
ir_measures = pytest.importorskip("ir_measures")

TREC = {
    "nDCG": "ndcg", "nDCG@1": "ndcg_cut_1", "nDCG@10": "ndcg_cut_10", "nDCG@1000": "ndcg_cut_1000",
    "AP": "map", "AP@5": "map_cut_5", "AP@100": "map_cut_100", "RR": "recip_rank", "Rprec": "Rprec",
    "P@1": "P_1", "P@10": "P_10", "P@1000": "P_1000", "R@5": "recall_5", "R@100": "recall_100",
    "Success@1": "success_1", "Success@10": "success_10",
}  # fmt: skip


class Case(NamedTuple):
    """A data set, and a run of it in both forms."""

    corpus: Corpus
    queries: Queries
    qrels: Qrels
    run: Run
    judged: dict[str, dict[str, int]]
    found: dict[str, dict[str, float]]


def make_case(seed, documents=150, queries=40, depth=None):
    """Coarse scores make ties; one query in six finds nothing, one in seven is unjudged; grades go from -2 to 3."""
    rng = np.random.default_rng(seed)
    corpus = Corpus.of((f"d{i}", "") for i in range(documents))
    asked = Queries.of((f"q{i}", "") for i in range(queries))
    scores = (rng.integers(-4, 5, (queries, documents)) / 4).astype(np.float32)
    scores[rng.random(scores.shape) < rng.random((queries, 1))] = -np.inf
    scores[::6] = -np.inf
    run = Run.top(scores, depth or documents)
    judged = {}
    for row, query in enumerate(asked.ids):
        if row % 7 == 3:
            continue
        top = 0 if row % 5 == 2 else 3
        chosen = rng.choice(documents, rng.integers(1, 40), replace=False)
        judged[query] = {f"d{i}": int(rng.integers(-2, top + 1)) for i in chosen}
        judged[query] |= {f"outside{i}": int(rng.integers(-2, top + 1)) for i in range(row % 4)}
    judged["elsewhere"] = {"d1": 1}
    qrels = Qrels.of((query, document, grade) for query, some in judged.items() for document, grade in some.items())
    ids, found = corpus.ids, {}
    for query, row, marks in zip(asked.ids, run.documents, run.scores, strict=True):
        if pairs := {ids[d]: float(s) for d, s in zip(row, marks, strict=True) if d != NONE}:
            found[query] = pairs
    return Case(corpus, asked, qrels, run, survivable(judged), found)


def survivable(judged):
    """pytrec_eval 0.5.11 writes beyond its memory on a query whose grades are all negative; 0 says as little."""
    return {q: dict.fromkeys(some, 0) if max(some.values()) < 0 else some for q, some in judged.items()}


def ours(case, names):
    return evaluate(names, case.run, resolve(case.corpus, case.queries, case.qrels))


def agree(case, values, reference, name):
    """Compare each query: NaN where it is not judged, 0 where the run lacks it, else the reference."""
    for row, query in enumerate(case.queries.ids):
        if query not in case.judged:
            assert np.isnan(values[row]), (name, query)
        else:
            assert values[row] == pytest.approx(reference.get(query, 0.0), abs=1e-12), (name, query)


@pytest.mark.parametrize("seed", range(5))
def test_kernels_agree_with_pytrec_eval_under_ties(seed):
    case = make_case(seed)
    values = ours(case, TREC)
    answers = pytrec_eval.RelevanceEvaluator(case.judged, set(TREC.values())).evaluate(case.found)
    for name, theirs in TREC.items():
        agree(case, values[name], {query: answer[theirs] for query, answer in answers.items()}, name)


@pytest.mark.parametrize("rel", [2, 3])
def test_relevance_thresholds_agree_with_pytrec_eval(rel):
    case = make_case(10 + rel)
    names = {f"{n.split('@')[0]}(rel={rel}){n[n.find('@'):] if '@' in n else ''}": t
             for n, t in TREC.items() if not n.startswith("nDCG")}  # fmt: skip
    values = ours(case, names)
    answers = pytrec_eval.RelevanceEvaluator(case.judged, set(names.values()), relevance_level=rel).evaluate(case.found)
    for name, theirs in names.items():
        agree(case, values[name], {query: answer[theirs] for query, answer in answers.items()}, name)


def test_deep_runs_agree_with_pytrec_eval():
    case = make_case(20, documents=3000, queries=12, depth=2000)
    values = ours(case, TREC)
    answers = pytrec_eval.RelevanceEvaluator(case.judged, set(TREC.values())).evaluate(case.found)
    for name, theirs in TREC.items():
        agree(case, values[name], {query: answer[theirs] for query, answer in answers.items()}, name)


IR = ["Judged@3", "Judged@10", "Judged", "Success@5", "RR@10", "RR(rel=2)@3", "R@20", "P(rel=2)@10", "AP(rel=2)@20"]


@pytest.mark.parametrize("seed", [30, 31])
def test_kernels_agree_with_ir_measures_on_falling_scores(seed):
    case = make_case(seed)
    falling = {query: {d: float(-rank) for rank, d in enumerate(found)} for query, found in case.found.items()}
    values = ours(case, IR)
    for name in IR:
        metrics = ir_measures.iter_calc([ir_measures.parse_measure(name)], case.judged, falling)
        agree(case, values[name], {metric.query_id: metric.value for metric in metrics}, name)


def test_exponential_gain_agrees_with_a_table_of_gains():
    case = make_case(40)
    gains = "nDCG(gains={0:0,1:1,2:3,3:7})@10"
    values = ours(case, ["nDCG(dcg='exp-log2')@10", gains])
    np.testing.assert_allclose(values["nDCG(dcg='exp-log2')@10"], values[gains], atol=1e-12)


@pytest.mark.parametrize("name", ["Bpref", "SetF(beta=0.5,rel=2)", "IPrec@0.1", "nDCG(judged_only=True)@10", "infAP"])
def test_what_has_no_kernel_is_answered_by_ir_measures(name):
    case = make_case(50)
    falling = {query: {d: float(-rank) for rank, d in enumerate(found)} for query, found in case.found.items()}
    metrics = ir_measures.iter_calc([ir_measures.parse_measure(name)], case.judged, falling)
    expected = {m.query_id: m.value for m in metrics if m.query_id in case.found}
    agree(case, ours(case, [name])[name], expected, name)


def test_a_query_with_negative_grades_only_does_not_end_the_process():
    """pytrec_eval alone would, see `survivable`; ir_measures hands it the same grades."""
    scores = np.ones((2, 3), dtype=np.float32)
    judged = Judgements.of(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([-2, -3, 1]), queries=2)
    for _ in range(50):
        values = evaluate(["Bpref", "SetR", "nDCG"], Run.top(scores, 3), judged)
    assert [found[0] for found in values.values()] == [0, 0, 0]
