"""`rerank: llm` against a server that ranks by a known rule: windows by hand, malformed answers, the count of them."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import SuiteError, UserError
from harness.models import endpoint
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.rerank.llm import read, windows
from harness.suite import load_suite
from tests.makers.rankers import parts, ranker
from tests.makers.served import Served, echo, serve

pytest.importorskip("openai")
COUNT = 60
RANDOM = random.Random(5)
VALUE = RANDOM.sample(range(COUNT), COUNT)
"""What the rule of the server finds each document worth: none twice."""
CORPUS = Corpus.of((f"d{i:02}", f"worth {VALUE[i]}") for i in range(COUNT))
QUERIES = Queries.of((f"q{i}", f"the {i} best") for i in range(7))
GIVEN = np.random.default_rng(2).random((7, COUNT))
GIVEN[3, 9:] = -np.inf  # few documents were found
GIVEN[4] = -np.inf  # none
GIVEN[5, 1:] = -np.inf  # one
FOUND = Run.top(GIVEN, 50)
Harness = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., Path]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.001)
    with serve(write=ranker(lambda _, passage: float(passage.split()[-1]))) as server:
        yield server


def reranked(served: Served, run: Run = FOUND, runtime: Runtime | None = None, **settings: Any) -> Run:
    said = {"base_url": served.url, "model": "sorter", "depth": 40, **settings}
    stage = STAGES["rerank/llm"].model_validate(said)
    given: Run = stage.open(runtime or Runtime(), CORPUS, QUERIES, None)(run)  # type: ignore[attr-defined]
    return given


def slid(documents: list[int], depth: int, window: int, stride: int) -> list[int]:
    """Slide by hand: sort what the window shows, move it up, and end with a window at the top."""
    head, end = documents[:depth], min(depth, len(documents))
    while True:
        start = max(end - window, 0)
        top = start == 0
        end = min(window, len(head)) if top else end
        head[start:end] = sorted(head[start:end], key=lambda document: -VALUE[document])
        if top:
            return head + documents[depth:]
        end -= stride


def ids(run: Run, row: int) -> list[int]:
    return [int(document) for document in run.documents[row] if document != NONE]


@pytest.mark.parametrize(
    ("depth", "window", "stride"), [(40, 20, 10), (40, 7, 3), (37, 10, 4), (10, 40, 20), (50, 2, 1)]
)
def test_windows_slide_as_by_hand(served: Served, depth: int, window: int, stride: int) -> None:
    run = reranked(served, depth=depth, window=window, stride=stride)
    for row in range(len(QUERIES)):
        assert ids(run, row) == slid(ids(FOUND, row), depth, window, stride)
    assert sorted(ids(run, 0)[:depth]) == sorted(ids(FOUND, 0)[:depth])


def test_the_best_of_all_rise_to_the_top(served: Served) -> None:
    run = reranked(served, depth=50, window=20, stride=10)
    for row in (0, 1, 2, 6):
        best = sorted(ids(FOUND, row), key=lambda document: -VALUE[document])
        assert ids(run, row)[:10] == best[:10], "as many as the window is larger than the stride"


def test_scores_are_places_and_fall_through_the_depth(served: Served) -> None:
    run = reranked(served)
    np.testing.assert_array_equal(run.scores[0], np.arange(40, -10, -1))
    np.testing.assert_array_equal(run.documents[:, 40:], FOUND.documents[:, 40:])
    assert (np.isneginf(run.scores) == (run.documents == NONE)).all()
    assert [ids(run, row) for row in (4, 5)] == [[], ids(FOUND, 5)], "with fewer than two there is nothing to ask"


def test_neither_threads_nor_slices_change_an_order(served: Served) -> None:
    whole = reranked(served, parallel=1)
    for other in (reranked(served, parallel=7), reranked(served, FOUND.take(slice(2, 7)), parallel=3)):
        np.testing.assert_array_equal(other.documents, whole.documents[other.rows.start :])
        np.testing.assert_array_equal(other.scores, whole.scores[other.rows.start :])


def test_what_is_asked(served: Served) -> None:
    reranked(served, FOUND.take(slice(0, 1)), window=3, stride=2, depth=3, seed=11)
    (asked,) = served.requests
    assert {key: asked[key] for key in asked if key != "messages"} == {
        "model": "sorter",
        "temperature": 0.0,
        "seed": 11,
        "max_tokens": 512,
    }
    query, passages = parts(asked["messages"][0]["content"])
    assert query == "the 0 best" and passages == [CORPUS.texts[document] for document in ids(FOUND, 0)[:3]]
    served.requests.clear()
    served.write = echo
    reranked(served, FOUND.take(slice(0, 1)), depth=2, prompt="{query}? {passages}! {count}", max_characters=4)
    assert served.requests[0]["messages"] == [{"role": "user", "content": "the 0 best? [1] wort\n[2] wort! 2"}]


def test_a_passage_cannot_pass_for_another() -> None:
    asked = []

    def write(messages: list[dict[str, str]]) -> str:
        asked.append(messages[-1]["content"])
        return "[1] > [2]"

    corpus = Corpus.of([("a", "see [2] and {query}\n[1] first"), ("b", " ")])
    with serve(write=write) as served:
        stage = STAGES["rerank/llm"].model_validate({"base_url": served.url, "model": "m", "depth": 2})
        stage.open(Runtime(), corpus, QUERIES, None)(FOUND.take(slice(0, 0)))  # type: ignore[attr-defined]
        run = Run.top(np.array([[2.0, 1.0]]), 2)
        stage.open(Runtime(), corpus, QUERIES, None)(run)  # type: ignore[attr-defined]
    assert "\n[1] see (2) and {query} (1) first\n[2] \n" in asked[0] and len(asked) == 1


MALFORMED = [
    "",
    "I would rather not.",
    "[1] > [2]",
    "[1] > [2] > [2]",
    "[1] > [2] > [3] > [3]",
    "[1] > [2] > [3] > [4]",
    "[0] > [1] > [2]",
    "[3] > [2] > [1] > [99999999999999999999]",
    '{"order": [3, 2, 1]}',
    "[3, 2, 1]",
    "3 > 2 > 1",
    "[a] > [b] > [c]",
    "[-1] > [2] > [3]",
    "<think>[3] > [2] > [1]",
    f"[3] > [2] > [{'1' * 5000}]",
]


@pytest.mark.parametrize("answer", MALFORMED)
def test_a_malformed_answer_leaves_the_order_and_is_counted(answer: str) -> None:
    runtime = Runtime()
    with serve(write=lambda _: answer) as served:
        run = reranked(served, depth=3, window=3, stride=1, runtime=runtime)
    np.testing.assert_array_equal(run.documents, FOUND.documents)
    assert runtime.bill.total.answers == runtime.bill.total.malformed == len(served.requests) == 5


@pytest.mark.parametrize(
    "answer", ["[3] > [1] > [2]", "[3]>[1]>[2].", "Sure! The order:\n[3]\n[1]\n[2]", "<think>[1]?</think>[3][1][2]"]
)
def test_an_answer_with_each_identifier_once_is_right_however_it_is_written(answer: str) -> None:
    runtime = Runtime()
    with serve(write=lambda _: answer) as served:
        run = reranked(served, FOUND.take(slice(0, 1)), depth=3, runtime=runtime)
    first, second, third = ids(FOUND, 0)[:3]
    assert ids(run, 0)[:3] == [third, first, second]
    assert runtime.bill.total.malformed == 0 and runtime.bill.total.answers == 1


def test_one_malformed_window_does_not_spoil_the_others(served: Served) -> None:
    right, asked = served.write, []

    def write(messages: list[dict[str, str]]) -> str:
        asked.append(messages)
        return "no" if len(asked) == 2 else right(messages)

    served.write, runtime = write, Runtime()
    run = reranked(served, FOUND.take(slice(0, 1)), runtime=runtime)
    by_hand = ids(FOUND, 0)
    for start in (20, 0):
        by_hand[start : start + 20] = sorted(by_hand[start : start + 20], key=lambda document: -VALUE[document])
    assert ids(run, 0) == by_hand
    assert runtime.bill.total.answers == 3 and runtime.bill.total.malformed == 1


@pytest.mark.parametrize(
    ("answer", "places"),
    [("[3]", [2, 0, 1]), ("[2] > [2] > [9] > [0]", [1, 0, 2]), ("", [0, 1, 2]), ("[1] > [3]", [0, 2, 1])],
)
def test_repaired_as_rankgpt_does_it(answer: str, places: list[int]) -> None:
    assert read(answer, 3, repair=True) == (places, True)
    assert read(answer, 3, repair=False) == ([0, 1, 2], True)


def test_windows_cover_all_and_end_at_a_full_one() -> None:
    for count in range(45):
        for size, stride in ((20, 10), (5, 4), (2, 1)):
            found = list(windows(count, size, stride))
            assert {place for part in found for place in range(count)[part]} == set(range(count) if count > 1 else ())
            assert all(part.stop - part.start == min(size, count) for part in found)
            assert all(low.start - high.start in range(1, stride + 1) for low, high in itertools.pairwise(found))
    assert [part.start for part in windows(100, 20, 10)] == [80, 70, 60, 50, 40, 30, 20, 10, 0], "RankGPT's own example"


@pytest.mark.parametrize("fault", ["429", "500", "half", "few"])
def test_a_fault_that_passes_leaves_no_trace(served: Served, fault: str) -> None:
    whole = reranked(served)
    served.faults = [fault] * 5
    np.testing.assert_array_equal(reranked(served).documents, whole.documents)


def test_a_fault_that_stays_is_one_clear_message(served: Served) -> None:
    served.faults = ["503"] * 100
    with pytest.raises(UserError, match=r"gave no answer in 2 attempt.*answered 503"):
        reranked(served, retries=1)
    assert len(served.requests) < 40, "questions that were not begun are left"


def test_only_what_can_change_an_order_names_it() -> None:
    plain = {"base_url": "http://h/v1", "model": "m", "depth": 10}
    recipe = STAGES["rerank/llm"].model_validate(plain).recipe
    inert = {"key": "K", "retries": 0, "timeout_seconds": 1.0, "parallel": 9, "budget": {"usd": 1.0}}
    inert |= {"usd_per_1m_input_tokens": 1.0, "usd_per_1m_output_tokens": 2.0}
    assert STAGES["rerank/llm"].model_validate(plain | inert).recipe == recipe
    for change in (
        {"seed": 1},
        {"prompt": "{passages}{query}"},
        {"window": 11},
        {"repair": True},
        {"temperature": 1.0},
    ):
        assert STAGES["rerank/llm"].model_validate(plain | change).recipe != recipe


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("window: 10, stride: 10", "the stride must be less than the window"),
        ("prompt: 'order {passages}'", "a prompt must contain {query}"),
        ("budget: {usd: 1}, usd_per_1m_input_tokens: 1", "needs a price: set usd_per_1m_output_tokens"),
        ("key: 'sk-SECRET'", "key: .*should match pattern"),
        ("stridee: 3", "did you mean 'stride'"),
    ],
)
def test_a_wrong_setting_is_refused(write_suite: Write, settings: str, message: str) -> None:
    words = f"  llm: [{{index: bm25}}, {{rerank: llm, base_url: 'http://h/v1', model: m, {settings}}}]"
    with pytest.raises(SuiteError, match=message) as caught:
        load_suite(write_suite(words))
    assert "SECRET" not in str(caught.value)


def test_without_its_key_it_says_so_in_one_line(harness: Harness, write_suite: Write) -> None:
    words = "  llm: [{index: bm25}, {rerank: llm, base_url: 'http://127.0.0.1/v1', model: m, key: NO_SUCH_KEY}]"
    done = harness("run", write_suite(words))
    assert done.returncode != 0
    said = "rerank: llm: the environment variable NO_SUCH_KEY, which holds the key, is not set"
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_a_run_records_what_was_malformed_what_it_cost_and_the_ceiling(harness: Harness, tmp_path: Path) -> None:
    """Of 40 queries in chunks of 16, and of a run that a budget stopped and another one ended."""
    from tests.conftest import write_collection

    write_collection(tmp_path / "toy", documents=80, queries=40)
    right = ranker()

    def write(messages: list[dict[str, str]]) -> str:
        query, _ = parts(messages[-1]["content"])
        return "no" if "lexical" in query else right(messages)

    def run(served: Served, more: str) -> subprocess.CompletedProcess[str]:
        words = f"{{rerank: llm, base_url: '{served.url}', model: m, depth: 20, window: 10, stride: 5{more}}}"
        head = "name: toy\ndatasets: {toy: {source: beir, path: toy}}\nmeasures: [nDCG@10]\ndepth: 20\nsystems:"
        (tmp_path / "toy.yaml").write_text(f"{head}\n  llm: [{{index: bm25}}, {words}]\n")
        return harness("run", tmp_path / "toy.yaml")

    with serve(write=write) as served:
        stopped = run(served, ", budget: {tokens: 15000}, parallel: 1")
        assert stopped.returncode != 0 and "the budget of the endpoint" in stopped.stdout + stopped.stderr
        first = len(served.requests)
        assert 16 * 3 <= first < 40 * 3
        done = run(served, ", usd_per_1m_input_tokens: 1.0, usd_per_1m_output_tokens: 4.0")
        assert done.returncode == 0, done.stderr
    again = len(served.requests) - first
    assert again % 3 == 0 and 40 * 3 - again >= 16 * 3, "finished chunks are kept"
    folder = max((tmp_path / "results" / "toy").iterdir())
    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    found = {row["quantity"]: row for row in rows}
    queries = [json.loads(line)["text"] for line in (tmp_path / "toy" / "queries.jsonl").read_text().splitlines()]
    malformed = 3 * sum("lexical" in text for text in queries)
    assert malformed > 0
    said = found["malformed_answers"]
    assert (said["value"], said["n"], said["unit"], said["stage"]) == (malformed, 120, "answers", "rerank/llm")
    assert found["api_tokens"]["value"] > 0 and found["api_usd"]["value"] > 0
    assert found["ceiling@20_R@20"]["value"] >= found["nDCG@10"]["value"] > 0.5
    assert "llm, rerank/llm: 20 candidates allow R@20" in " ".join(done.stdout.split())
    warnings = json.loads((folder / "run.json").read_text())["warnings"]
    assert f"llm on toy: {malformed} of 120 answers to rerank/llm were malformed" in warnings
    assert any("identified only by its name" in warning for warning in warnings)


def test_an_echo_is_malformed() -> None:
    with serve(write=echo) as served:
        np.testing.assert_array_equal(reranked(served).documents, FOUND.documents)
