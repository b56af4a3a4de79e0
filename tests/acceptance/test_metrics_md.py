"""The fourteen acceptance tests for metrics: traps that libraries fall into, held against the public API."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.trec.read import read_run
from harness.artifacts.vectors import Vectors
from harness.errors import DataError
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements, resolve
from harness.measures.scoring.score_run import RunScores, score
from harness.measures.ties import over_ties
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Runtime
from harness.statistics import paired_interval, randomisation_p
from tests.acceptance.made import lines, random_case, relabelled
from tests.conftest import write_collection
from tests.oracle.test_measures import TREC, survivable

NATIVE = [
    *("nDCG@1", "nDCG@10", "nDCG", "nDCG(dcg='exp-log2')@10", "RR@1", "RR@10", "RR", "AP", "AP@10", "P@1", "R@1"),
    *("R_cap@1", "Success@1", "Rprec", "RBP(rel=1)"),
]
FOREIGN = ["Bpref", "SetP", "IPrec@0.1", "infAP"]


def scored(
    found: dict[str, dict[str, float]], judged: dict[str, dict[str, int]], *names: str, **said: bool
) -> RunScores:
    qrels = Qrels.of((query, document, grade) for query, some in judged.items() for document, grade in some.items())
    return score(lines(found), qrels, names, **said)


def means(found: dict[str, dict[str, float]], judged: dict[str, dict[str, int]], *names: str) -> dict[str, float]:
    return scored(found, judged, *names).means


@pytest.mark.parametrize(("relevant", "first"), [("a", False), ("b", True)])
def test_01_tie_matrix(relevant: str, first: bool) -> None:
    """Two documents tied: every measure sees b before a, those of ir_measures too, and none sees another order."""
    pytest.importorskip("ir_measures")
    names = [*NATIVE, *FOREIGN]
    tied = means({"q": {"a": 1.0, "b": 1.0}}, {"q": {relevant: 1}}, *names)
    parted = means({"q": {"a": 1.0, "b": 2.0}}, {"q": {relevant: 1}}, *names)
    assert tied == parted
    assert tied["RR"] == tied["RR@10"] == (1.0 if first else 0.5)
    assert tied["nDCG@10"] == pytest.approx(1.0 if first else 1 / log2(3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_02_permutation_invariance(seed: int) -> None:
    """The order of lines changes nothing; nor do new names, but for the order within groups of ties."""
    found, judged = random_case(seed, levels=6)
    rng = np.random.default_rng(seed)
    names = NATIVE
    before = scored(found, judged, *names, ties=True)
    shuffled = {query: dict(rng.permutation(np.array(list(some.items()), dtype=object)).tolist())
                for query, some in found.items()}  # fmt: skip
    assert means(dict(reversed(shuffled.items())), judged, *names) == before.means
    again = scored(*relabelled(found, judged, rng), *names, ties=True)
    for name in names:
        for part in ("expected", "low", "high"):
            ours, theirs = (getattr(one.spreads[name], part) for one in (before, again))
            np.testing.assert_allclose(ours, theirs, atol=1e-12)
        low, value, high = again.spreads[name].low, again.values[name], again.spreads[name].high
        assert ((low - 1e-12 <= value) & (value <= high + 1e-12)).all()
    apart, judged = random_case(seed, levels=None)
    new = scored(*relabelled(apart, judged, rng), *names)
    for name, values in scored(apart, judged, *names).values.items():
        np.testing.assert_array_equal(values, new.values[name])


def test_02_the_order_of_the_corpus_reaches_no_number() -> None:
    documents, asked = [(f"d{i:02}", "") for i in range(30)], Queries.of([("q", "")])
    qrels = Qrels.of([("q", "d07", 1), ("q", "d23", 2)])
    run = Run.top(np.zeros((1, 30), np.float32), 30)
    values = [evaluate(NATIVE, run, resolve(Corpus.of(some), asked, qrels)) for some in (documents, documents[::-1])]
    for name in values[0]:
        assert values[0][name] == values[1][name]


@pytest.mark.parametrize("kind", ["constant", "random", "reverse ids"])
def test_03_null_systems_stand_at_chance(kind: str) -> None:
    """A scorer that knows nothing earns what chance earns, wherever the relevant document stands in the input."""
    rng, count = np.random.default_rng(3), 3000
    scores = {"constant": np.zeros((count, 50)), "random": rng.random((count, 50)),
              "reverse ids": np.tile(-np.arange(50.0), (count, 1))}[kind]  # fmt: skip
    relevant = rng.integers(0, 50, count)
    known = Judgements.of(np.arange(count), relevant, np.ones(count, int), count)
    run = Run.top(scores.astype(np.float32), 50)
    chance = {"RR": (1 / np.arange(1, 51)).mean(), "RR@10": (1 / np.arange(1, 11)).sum() / 50, "Success@10": 0.2}
    chance["nDCG@10"] = (1 / np.log2(np.arange(2, 12))).sum() / 50
    for name, expected in chance.items():
        values = evaluate([name], run, known)[name]
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(count)
        if kind == "constant":
            np.testing.assert_allclose(over_ties(name, run, known).expected, expected)
    always_last = Judgements.of(np.arange(count), np.zeros(count, int), np.ones(count, int), count)
    if kind == "constant":  # the positive is listed first in every query, which earned others a perfect score
        assert evaluate(["RR@10"], run, always_last)["RR@10"].max() == 0


def test_04_perfect_and_reversed_ndcg() -> None:
    grades = {"x": 3, "y": 2, "z": 1}
    best = {"x": 3.0, "y": 2.0, "z": 1.0}
    worst = {"x": 1.0, "y": 2.0, "z": 3.0}
    assert means({"q": best}, {"q": grades}, "nDCG@10")["nDCG@10"] == 1
    found = means({"q": worst}, {"q": grades}, "nDCG@10", "nDCG@3")
    by_hand = (1 + 2 / log2(3) + 3 / 2) / (3 + 2 / log2(3) + 1 / 2)
    assert found["nDCG@10"] == found["nDCG@3"] == pytest.approx(by_hand, abs=1e-15)


@pytest.mark.parametrize("name", [*NATIVE, "IPrec@0.1"])
def test_05_which_queries_are_averaged(name: str) -> None:
    """Missing: 0. Nothing relevant: 0. Not judged: left out. Each is counted."""
    pytest.importorskip("ir_measures")
    right, one = {"a": 1.0}, {"a": 1}
    alone = means({"q1": right}, {"q1": one}, name)[name]
    assert means({"q1": right}, {"q1": one, "q2": one}, name)[name] == alone / 2  # q2 is not in the run
    assert means({"q1": right, "q2": right}, {"q1": one, "q2": {"a": 0}}, name)[name] == alone / 2
    assert means({"q1": right, "q3": right}, {"q1": one}, name)[name] == alone
    assert means({"q3": right}, {"q1": one}, name)[name] == 0
    counts = scored({"q1": right, "q3": right}, {"q1": one, "q2": one, "q4": {"a": 0}}, name).counts
    assert (counts.n_queries, counts.n_missing, counts.n_no_relevant, counts.n_extra) == (3, 2, 1, 1)


def test_05_a_query_that_found_nothing_is_empty_and_counts_0() -> None:
    run = Run.top(np.array([[1.0, -np.inf], [-np.inf, -np.inf]]), 2)
    known = Judgements.of(np.array([0, 1]), np.array([0, 0]), np.array([1, 1]), queries=2)
    assert evaluate(["RR"], run, known)["RR"].tolist() == [1, 0]


def test_06_recall_success_and_capped_recall() -> None:
    found = {"q": {f"d{i}": float(i) for i in range(10)}}
    judged = {"q": {f"d{i}": 1 for i in range(20)}}
    assert means(found, judged, "R@10", "Success@10", "R_cap@10") == {"R@10": 0.5, "Success@10": 1, "R_cap@10": 1}
    judged = {"q": {"d0": 1, "d1": 1}}
    assert means(found, judged, "R@10", "R@9", "Success@9") == {"R@10": 1, "R@9": 0.5, "Success@9": 1}


def test_07_exponential_and_linear_gain() -> None:
    found, judged = {"q": {"x": 1.0, "y": 2.0, "z": 3.0}}, {"q": {"x": 3, "y": 2, "z": 1}}
    values = means(found, judged, "nDCG@10", "nDCG(dcg='exp-log2')@10")
    assert values["nDCG@10"] == pytest.approx(0.7900, abs=5e-5)
    assert values["nDCG(dcg='exp-log2')@10"] == pytest.approx(0.6806, abs=5e-5)


def test_08_own_ids_are_removed_before_the_cut() -> None:
    """The query's own document leaves its place to the next one: ten others are in the first ten."""
    found = {"q": {"q": 99.0} | {f"d{i}": float(20 - i) for i in range(10)}}
    judged = {"q": {"d0": 1, "d9": 1}}
    names = ("R@10", "RR@10", "P@10")
    assert means(found, judged, *names) == {"R@10": 0.5, "RR@10": 0.5, "P@10": 0.1}
    removed = scored(found, judged, *names, ignore_identical_ids=True)
    assert removed.means == {"R@10": 1, "RR@10": 1, "P@10": 0.2}
    assert "q" in found["q"], "nothing is changed in place"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e6, -1e6, 0.0]), st.sampled_from([1e-6, 1.0, 2.0**-20, 1e6]))
def test_09_offset_and_scale_of_scores(seed: int, offset: float, scale: float) -> None:
    """Measures see ranks: as long as float32 tells the scores apart, neither an offset nor a factor matters."""
    found, judged = random_case(seed, levels=40)  # whole numbers, which float32 holds beside 1e6
    moved = {query: {d: (s + offset) * scale for d, s in some.items()} for query, some in found.items()}
    assert means(moved, judged, *NATIVE) == means(found, judged, *NATIVE)


def test_10_batch_size_reaches_no_number() -> None:
    """One query at a time or 64 at once: scores are rounded to float32 once, and so the same runs to the last bit."""
    rng = np.random.default_rng(10)
    documents, asked = (rng.normal(size=(rows, 48)).astype(np.float32) for rows in (700, 128))
    documents[100:110] = documents[0]
    index = STAGES["index/flat"]().open(Runtime())(Vectors(documents))
    search = STAGES["search/flat"](depth=50).open(Runtime(), index)
    known = Judgements.of(np.repeat(np.arange(128), 5), rng.permutation(700)[:640], rng.integers(0, 3, 640), 128)
    runs = [
        Run.join([search(Vectors(asked).take(slice(start, start + size))) for start in range(0, 128, size)])
        for size in (1, 64)
    ]
    np.testing.assert_array_equal(runs[0].documents, runs[1].documents)
    values = [evaluate(NATIVE, run, known) for run in runs]
    for name in values[0]:
        np.testing.assert_array_equal(values[0][name], values[1][name])
        parts = [evaluate([name], runs[0].take(slice(row, row + 1)), known)[name] for row in range(128)]
        np.testing.assert_array_equal(values[0][name], np.concatenate(parts))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 b 2 nan t", "the score should be finite and in the range of float32, found 'nan'"),
        ("q Q0 b 2 inf t", "found 'inf'"),
        ("q Q0 b 2 -1e309 t", "found '-1e309'"),
        ("q Q0 b 2 1e39 t", "found '1e39'"),
        ("q Q0 a 2 1 t", "the document 'a' of the query 'q' appears again; first in line 1"),
    ],
)
def test_11_nan_infinity_and_repeated_ids_are_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "x.trec"
    path.write_text(f"q Q0 a 1 2 t\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_run(path)
    assert message in str(caught.value)
    assert "x.trec:2:" in str(caught.value)
    for wrong in (np.nan, np.inf, 1e39):
        with pytest.raises(ValueError, match="infinite"):
            Run.top(np.array([[1.0, wrong]]), 2)
    with pytest.raises(DataError, match="the id 'a' appears more than once"):
        Corpus.of([("a", ""), ("a", "")])


@pytest.mark.parametrize("seed", range(4))
def test_12_cross_check_with_pytrec_eval(seed: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    found, judged = random_case(seed, levels=None)
    ours = scored(found, judged, *TREC)
    theirs = pytrec_eval.RelevanceEvaluator(survivable(judged), set(TREC.values())).evaluate(found)
    for name, other in TREC.items():
        for query, value in zip(ours.query_ids, ours.values[name], strict=True):
            assert abs(value - theirs.get(query, {}).get(other, 0.0)) <= 1e-12, (name, query)


def test_12_cross_check_with_ir_measures() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    found, judged = random_case(5, levels=None)
    names = ["nDCG@10", "RR@10", "AP", "P@5", "R@20", "Rprec", "Success@5", "Judged@10"]
    judged = survivable({query: judged[query] for query in judged if query in found})
    ours = scored(found, judged, *names)
    for name in names:
        values = {v.query_id: v.value for v in ir_measures.iter_calc([ir_measures.parse_measure(name)], judged, found)}
        for query, value in zip(ours.query_ids, ours.values[name], strict=True):
            assert abs(value - values[query]) <= 1e-12, (name, query)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_12_cross_check_with_ranx() -> None:
    ranx = pytest.importorskip("ranx")
    found, judged = random_case(6, levels=None)
    found = {query: some for query, some in found.items() if max(judged.get(query, {"": 0}).values()) > 0}
    judged = {query: {d: max(grade, 0) for d, grade in judged[query].items()} for query in found}
    names = {"nDCG@10": "ndcg@10", "RR@10": "mrr@10", "AP": "map", "P@5": "precision@5", "R@20": "recall@20"}
    theirs = ranx.evaluate(ranx.Qrels(judged), ranx.Run(found), list(names.values()))
    for name, mean in means(found, judged, *names).items():
        assert abs(mean - theirs[names[name]]) <= 1e-12, name


CHILD = """
import json, sys, numpy as np
from harness.statistics import paired_interval, randomisation_p
a, b = (np.array(x) for x in json.load(sys.stdin))
print(json.dumps([randomisation_p(a, b, 2000), *paired_interval(a, b)]))
"""


def test_13_p_values_are_the_same_in_every_thread_and_process() -> None:
    rng = np.random.default_rng(13)
    a = rng.random(200)
    b = a + rng.normal(0.01, 0.1, 200)

    def work(_: int) -> list[float]:
        return [randomisation_p(a, b, 2000), *paired_interval(a, b)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(work, range(8)))
    given = json.dumps([a.tolist(), b.tolist()])
    for threads in ("1", "2"):
        child = subprocess.run(
            [sys.executable, "-c", CHILD], input=given, capture_output=True, text=True, check=True,
            env={"OMP_NUM_THREADS": threads, "PATH": ""},
        )  # fmt: skip
        answers.append(json.loads(child.stdout))
    assert all(answer == answers[0] for answer in answers)
    assert 0 < answers[0][0] < 1
    assert randomisation_p(a, a) == 1


MODEL = {"path": "folder", "precision": "fp32", "prompts": {"query": "ask: "}, "max_length": 64, "normalize": "true"}


@pytest.mark.parametrize(
    "change",
    [
        {"path": "other"},
        {"path": "org/name"},
        {"path": "org/name", "revision": "a" * 40},
        {"path": "org/name", "revision": "b" * 40},
        {"precision": "fp16"},
        {"precision": "bf16"},
        {"prompts": {"query": "question: "}},
        {"prompts": {"query": "ask: ", "document": "passage: "}},
        {"max_length": 65},
        {"normalize": "false"},
    ],
    ids=str,
)
def test_14_cache_key(tmp_path: Path, change: dict[str, str]) -> None:
    """Another model, revision, precision, prompt, length or normalisation is another node: nothing old is met."""
    write_collection(tmp_path / "toy")
    for folder, weights in (("folder", "1"), ("other", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text("{}")
        (tmp_path / folder / "model.safetensors").write_text(weights)
    names = [_encoded(tmp_path, spec) for spec in (MODEL, MODEL | change)]
    assert _encoded(tmp_path, dict(MODEL)) == names[0], "the same words are the same node"
    document_side_only = change.keys() == {"prompts"} and "document" in change["prompts"]
    sides = ["document"] if document_side_only else ["query"] if "prompts" in change else ["query", "document"]
    for side in ("query", "document"):
        assert (names[0][side] != names[1][side]) == (side in sides), side


def _encoded(folder: Path, spec: dict[str, object]) -> dict[str, str]:
    """Return the names of the vectors of both sides in a plan."""
    said = json.dumps({key: value for key, value in spec.items() if key != "normalize"})[:-1]
    path = folder / "s.yaml"
    path.write_text(
        f"name: s\ndatasets: {{toy: {{source: beir, path: toy}}}}\nmeasures: [RR]\n"
        f"models: {{m: {said}, normalize: {spec['normalize']}}}}}\n"
        "systems: {s: [{encode: dense, model: m}, {index: flat}]}\n"
    )
    plan, _ = prepare_plan(path, None, None, folder / "store", "cpu", fetch=False)
    found = {}
    for node in plan.nodes:
        if node.stage.role == "encode":
            side = "query" if node.stream[0].gives is Queries else "document"
            found[side] = node.fingerprint
    return found
