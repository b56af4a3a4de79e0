"""Names of measures: what is understood, what is refused and how, and what a plug-in adds."""

import sys

import numpy as np
import pytest

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import MissingLibrary, UnknownName, UserError
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements, resolve
from harness.measures.scoring.names import split
from harness.measures.scoring.parse import check_depth, parse, provider, required_depth
from harness.registry import METRICS


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("nDCG@10", "nDCG@10"),
        ("ndcg@10", "nDCG@10"),
        ("NDCG@10", "nDCG@10"),
        ("ndcg_cut_10", "nDCG@10"),
        ("ndcg_at_10", "nDCG@10"),
        ("nDCG(dcg='log2')@10", "nDCG@10"),
        ("mrr@10", "RR@10"),
        ("recip_rank", "RR"),
        ("recall@10", "R@10"),
        ("recall_100", "R@100"),
        ("map", "AP"),
        ("map_cut_5", "AP@5"),
        ("precision@5", "P@5"),
        ("P_5", "P@5"),
        ("P( rel = 2 ) @ 10", "P(rel=2)@10"),
        ("P(rel=1)@10", "P@10"),
        ("hit@5", "Success@5"),
        ("hit_rate@5", "Success@5"),
        ("hit-rate@5", "Success@5"),
        ("success@5", "Success@5"),
        ("judged@10", "Judged@10"),
        ("R-precision", "Rprec"),
        ("recall_cap@100", "R_cap@100"),
        ("RBP(rel=1,p=0.5)", "RBP(p=0.5,rel=1)"),
        ("RBP(rel=2,p=0.8)@20", "RBP(rel=2)@20"),
    ],
)
def test_names_and_aliases(typed, canonical):
    assert str(parse(typed)) == canonical
    assert str(parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("bpref", "Bpref"),
        ("SetF(rel=2,beta=0.5)", "SetF(beta=0.5,rel=2)"),
        ("SetF(rel=1)", "SetF"),
        ("nDCG(gains={2:3,1:1})@10", "nDCG(gains={1:1,2:3})@10"),
        ("nDCG(judged_only=True)@10", "nDCG(judged_only=True)@10"),
        ("IPrec@0.1", "IPrec@0.1"),
        ("NumRelRet", "NumRet(rel=1)"),
    ],
)
def test_names_of_ir_measures(typed, canonical):
    pytest.importorskip("ir_measures")
    assert str(parse(typed)) == canonical
    assert str(parse(canonical)) == canonical
    assert provider(parse(typed)).startswith("ir_measures/")


@pytest.mark.parametrize(
    ("typed", "kind", "message"),
    [
        ("nDGC@10", UnknownName, "there is no measure 'nDGC@10'; did you mean 'nDCG@10'?"),
        ("recal@10", UnknownName, "did you mean 'recall@10'?"),
        ("zzz@10", UnknownName, "known: 'AP', "),
        ("nDCG@0", UserError, "the cut-off of 'nDCG@0' is '0'; expected a positive whole number"),
        ("nDCG@-1", UserError, "is '-1'; expected"),
        ("nDCG@1.5", UserError, "is '1.5'; expected"),
        ("nDCG@ten", UserError, "is 'ten'; expected"),
        ("nDCG@", UserError, "is ''; expected"),
        ("P", UserError, "'P' needs a cut-off, as in 'P@10'"),
        ("Rprec@10", UserError, "Rprec takes no cut-off"),
        ("nDCG(foo=1)@10", UserError, "the measure 'nDCG' has no parameter 'foo'; known: 'dcg'"),
        ("P(rl=2)@10", UserError, "did you mean 'rel'?"),
        ("P(rel='2')@10", UserError, "rel='2' in \"P(rel='2')@10\" is not of the type int"),
        ("P(rel=True)@10", UserError, "is not of the type int, which is expected for 'rel', the lowest grade"),
        ("P(rel=-1)@10", UserError, "rel=-1"),
        ("nDCG(dcg='exp-log')@10", UserError, "did you mean 'exp-log2'?"),
        ("RBP@10", UserError, "needs a value for 'rel', the lowest grade that counts as relevant: RBP(rel=...)"),
        ("RBP(rel=1,p=1)", UserError, "must be between 0 and 1"),
        ("P(2)@10", UserError, "do not have the form (name=value, ...)"),
        ("P(rel=open)@10", UserError, "do not have the form (name=value, ...)"),
        ("", UserError, "is not the name of a measure"),
        ("P(rel=(1))@10", UserError, "is not the name of a measure"),
    ],
)
def test_what_is_refused(typed, kind, message):
    with pytest.raises(kind) as caught:
        parse(typed)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("RR(judged_only=True)@10", "neither the harness nor ir_measures"),
        ("SetF(beta='a')", "invalid param"),
        ("ERR@0", "expected a positive whole number"),
        ("SetF(bta=1.0)", "did you mean 'beta'?"),
    ],
)
def test_what_ir_measures_cannot_do_is_refused(typed, message):
    pytest.importorskip("ir_measures")
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        parse(typed)


def test_without_ir_measures_other_names_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    assert str(parse("mrr@10")) == "RR@10"
    with pytest.raises(MissingLibrary, match=r"did you mean 'nDCG@10'\?.*retrieval-harness\[ir\]"):
        parse("nDGC@10")
    with pytest.raises(UserError, match="has no parameter 'foo'"):
        parse("nDCG(foo=1)@10")


def test_a_measure_is_data():
    assert parse("ndcg@10") == parse("nDCG(dcg='log2')@10")
    assert len({parse("P(rel=2)@10"), parse("P(rel=2)@10"), parse("P@10")}) == 2
    assert split("nDCG(gains={1:1})@3").parameters == (("gains", ((1, 1),)),)


def test_depth():
    assert required_depth(parse("R@100")) == 100
    assert required_depth(parse("AP")) is None
    check_depth(parse("R@100"), 100)
    check_depth(parse("AP"), 1)
    with pytest.raises(UserError, match="'R@100' needs runs of at least depth 100, but they are truncated at 50"):
        check_depth(parse("R@100"), 50)


@pytest.fixture
def plug_in(monkeypatch):
    """The measure of STYLE.md section 3, in a registry that forgets it again."""
    METRICS.names()
    monkeypatch.setattr(METRICS, "_items", dict(METRICS._items))

    @METRICS.register("Hit", version=3)
    def hit(ranked: list[str], judged: dict[str, int], k: int) -> float:
        return float(any(judged.get(doc, 0) > 0 for doc in ranked[:k]))

    return hit


def test_a_plug_in_is_one_function(plug_in):
    measure = parse("Hit@1")
    assert str(measure) == "Hit@1"
    assert provider(measure) == f"{plug_in.__module__.split('.')[0]}/3"
    with pytest.raises(UserError, match="needs a cut-off"):
        parse("Hit")
    run = Run.top(np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]]), 2)
    known = Judgements.of(np.array([0, 1]), np.array([0, 0]), np.array([1, 1]), queries=3)
    values = evaluate(["Hit@1", "Success@1"], run, known)
    np.testing.assert_array_equal(values["Hit@1"], values["Success@1"])
    assert list(values["Hit@1"])[:2] == [1, 0]


def test_a_plug_in_sees_ids(plug_in):
    seen = []

    @METRICS.register("Seen")
    def look(ranked, judged):
        seen.append((ranked, judged))
        return 0.0

    corpus, queries = Corpus.of([("b", ""), ("a", ""), ("c", "")]), Queries.of([("q", ""), ("p", "")])
    qrels = Qrels.of([("q", "a", 1), ("q", "gone", 2)])
    evaluate(["Seen"], Run.top(np.array([[1, 2, 3], [3, 2, -np.inf]]), 3), resolve(corpus, queries, qrels))
    evaluate(["Seen"], Run.top(np.array([[1, 2, 3], [3, 2, 1]]), 3).take(slice(1, 2)), resolve(corpus, queries, qrels))
    assert seen[0] == (["a", "b"], {"gone": 2, "a": 1})
    assert seen[1][0] == ["a", "b", "c"]
