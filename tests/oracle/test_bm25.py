"""BM25 against arithmetic by hand and against bm25s, and what it does with repeats, ties and words it does not know."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.search import lexicon
from harness.search.analyzer import ENGLISH, Analyzer
from harness.search.lexicon import Lexicon, blocks, collect
from harness.stage import Runtime
from harness.stages.index.bm25 import Bm25Indexer, Bm25Searcher, Method

TEXTS = ["red red fox", "a quick red dog", "the lazy dog sleeps", "fox", ""]
PLAIN = Analyzer(stemmer=None, stopwords=None)


def corpus_of(texts: list[str]) -> Corpus:
    return Corpus.of((f"d{i:04}", text) for i, text in enumerate(texts))


def ask(texts: list[str], queries: list[str], depth: int = 10, **settings: Any) -> Run:
    index = Bm25Indexer(**settings).open(Runtime())(corpus_of(texts))
    search = Bm25Searcher(depth=depth).open(Runtime(), index)
    return search(Queries.of((f"q{i:03}", text) for i, text in enumerate(queries)))


def found(run: Run, row: int = 0) -> dict[int, float]:
    pairs = zip(run.documents[row].tolist(), run.scores[row].tolist(), strict=True)
    return {document: score for document, score in pairs if document != NONE}


def test_lucene_by_hand() -> None:
    lengths = [3, 3, 3, 1, 0]  # "a" and "the" are stop words
    mean = sum(lengths) / 5

    def part(times: int, length: int, holders: int) -> float:
        idf = math.log(1 + (5 - holders + 0.5) / (holders + 0.5))
        return idf * times / (times + 0.9 * (1 - 0.4 + 0.4 * length / mean))

    expected = {0: part(2, 3, 2) + part(1, 3, 2), 1: part(1, 3, 2), 3: part(1, 1, 2)}
    assert found(ask(TEXTS, ["red fox"])) == pytest.approx(expected, rel=1e-6)


def random_texts(count: int, rng: random.Random) -> list[str]:
    words = [f"w{int(rng.paretovariate(0.7)) % 300}" for _ in range(4000)]
    return [" ".join(rng.choices(words, k=rng.randrange(0, 40))) for _ in range(count)]


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.5, 0.75), (1.2, 0.0)])
def test_every_variant_agrees_with_bm25s(method: Method, k1: float, b: float) -> None:
    import bm25s

    rng = random.Random(5)
    texts, queries = random_texts(200, rng), [q for q in random_texts(12, rng) if q]
    oracle = bm25s.BM25(k1=k1, b=b, method=method, delta=0.5)
    words = [[w for w in re.findall(r"\w\w+", text) if w not in ENGLISH] for text in texts]
    oracle.index(words, show_progress=False)
    run = ask(texts, queries, depth=200, method=method, k1=k1, b=b, delta=0.5, stemmer=None)
    for row, query in enumerate(queries):
        asked = [word for word in query.split() if word in oracle.vocab_dict]
        scores = oracle.get_scores(asked) if asked else np.zeros(len(texts))
        got = found(run, row)
        held = {i for i, text in enumerate(words) if set(text) & set(asked)}
        assert set(got) <= held
        assert got or not held or method == "robertson"  # whose weight of a common word is not above 0
        assert got == pytest.approx({i: float(scores[i]) for i in got}, rel=2e-5, abs=2e-5)
        if method in ("lucene", "bm25l", "bm25+"):
            assert set(got) == held


def test_a_repeated_word_counts_each_time() -> None:
    once, twice = found(ask(TEXTS, ["red"])), found(ask(TEXTS, ["red red"]))
    assert twice == pytest.approx({document: 2 * score for document, score in once.items()})


def test_what_holds_no_word_is_not_found() -> None:
    run = ask(TEXTS, ["zebra", "the a", "", "fox"])
    assert [len(found(run, row)) for row in range(4)] == [0, 0, 0, 2]


@pytest.mark.parametrize("method", get_args(Method))
def test_bm25_plus_adds_its_floor_to_no_other_document(method: Method) -> None:
    assert set(found(ask(TEXTS, ["lazy"], method=method))) == {2}


def test_equal_documents_tie_by_id_at_every_depth() -> None:
    texts = ["same words here"] * 50 + ["other"]
    deep = ask(texts, ["words"], depth=50)
    assert deep.documents[0].tolist() == list(range(49, -1, -1))
    for depth in (1, 5, 20):
        assert ask(texts, ["words"], depth=depth).documents[0].tolist() == deep.documents[0, :depth].tolist()


def test_the_query_is_cut_as_the_documents_are() -> None:
    assert set(found(ask(["Running FOXES", "dog"], ["the fox runs"]))) == {0}
    assert found(ask(["Running FOXES", "dog"], ["the fox runs"], stemmer=None)) == {}
    assert set(found(ask(["the end", "dog"], ["the"], stopwords=None))) == {0}
    assert found(ask(["blue dog", "dog"], ["blue"], stopwords=["Blue"])) == {}


def test_settings_have_one_name() -> None:
    assert Bm25Indexer(stopwords=["b", "a"]) == Bm25Indexer(stopwords=["A", "b", "a"])


@pytest.mark.parametrize("texts", [[], [""], ["the", "a"]])
def test_a_collection_without_words(texts: list[str]) -> None:
    run = ask(texts, ["fox", ""])
    assert (run.documents == NONE).all() and len(run) == 2


def test_batches_of_a_collection_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(random_texts(100, random.Random(1)))
    whole = collect(corpus, PLAIN)
    monkeypatch.setattr(lexicon, "BATCH", 7)
    for one, other in zip(whole, collect(corpus, PLAIN), strict=True):
        np.testing.assert_array_equal(one, other)
    assert lexicon.unpack(whole.vocabulary) == sorted(lexicon.unpack(whole.vocabulary))


def test_blocks_cover_all_terms_once() -> None:
    starts = np.array([0, 3, 3, 10, 11, 30, 31])
    for size in (1, 2, 5, 100):
        pairs = list(blocks(starts, size))
        assert [i for terms, _ in pairs for i in range(6)[terms]] == list(range(6))
        assert [i for _, entries in pairs for i in range(31)[entries]] == list(range(31))


def test_counts_of_one_text_do_not_depend_on_the_others() -> None:
    vocabulary = lexicon.pack(["dog", "fox", "red"])
    counted = Lexicon(PLAIN, vocabulary).count(["fox unknown fox", "", "dog red"])
    assert counted.starts.tolist() == [0, 1, 1, 3]
    assert counted.terms.tolist() == [1, 0, 2]
    assert counted.times.tolist() == [2, 1, 1]


@pytest.mark.external
def test_scifact_lies_near_anserini() -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    folder = Path(os.environ.get("HARNESS_TEST_DATA", "")) / "beir" / "scifact"
    if not folder.is_dir() or not os.environ.get("HARNESS_TEST_DATA"):
        pytest.skip("HARNESS_TEST_DATA does not name a folder with beir/scifact")
    qrels: dict[str, dict[str, int]] = {}
    with (folder / "qrels" / "test.tsv").open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    documents = map(json.loads, (folder / "corpus.jsonl").read_text().splitlines())
    corpus = Corpus.of((d["_id"], f"{d['title']} {d['text']}".strip()) for d in documents)
    asked = map(json.loads, (folder / "queries.jsonl").read_text().splitlines())
    queries = Queries.of((q["_id"], q["text"]) for q in asked if q["_id"] in qrels)
    run = Bm25Searcher(depth=100).open(Runtime(), Bm25Indexer().open(Runtime())(corpus))(queries)
    ids = corpus.ids
    ranked = {q: {ids[d]: s for d, s in found(run, row).items()} for row, q in enumerate(queries.ids)}
    values = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(ranked)
    assert np.mean([value["ndcg_cut_10"] for value in values.values()]) == pytest.approx(0.6789, abs=0.012)
