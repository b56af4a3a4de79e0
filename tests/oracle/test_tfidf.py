"""TF-IDF against arithmetic by hand on dense matrices, and against scikit-learn."""

from __future__ import annotations

import random

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.stage import Runtime
from harness.stages.index.tfidf import TfidfIndexer, TfidfSearcher

TEXTS = ["red red fox", "quick red dog", "lazy dog sleeps", "fox", ""]


def ask(texts: list[str], queries: list[str], depth: int = 10, *, sublinear_tf: bool = False) -> Run:
    corpus = Corpus.of((f"d{i:04}", text) for i, text in enumerate(texts))
    index = TfidfIndexer(sublinear_tf=sublinear_tf, stemmer=None, stopwords=None).open(Runtime())(corpus)
    asked = Queries.of((f"q{i:03}", text) for i, text in enumerate(queries))
    return TfidfSearcher(depth=depth).open(Runtime(), index)(asked)


def dense(run: Run, documents: int) -> np.ndarray:
    scores = np.zeros((len(run), documents))
    rows, places = np.nonzero(run.documents != NONE)
    scores[rows, run.documents[rows, places]] = run.scores[rows, places]
    return scores


@pytest.mark.parametrize("sublinear", [False, True])
def test_by_hand(sublinear: bool) -> None:
    idf = {"red": np.log(6 / 3) + 1, "fox": np.log(6 / 3) + 1}

    def tf(count: int) -> float:
        return 1 + np.log(count) if sublinear else count

    query = np.array([tf(1) * idf["red"], tf(1) * idf["fox"]])
    document = np.array([tf(2) * idf["red"], tf(1) * idf["fox"]])
    expected = query @ document / np.linalg.norm(query) / np.linalg.norm(document)
    run = ask(TEXTS, ["red fox zebra"], sublinear_tf=sublinear)
    assert dense(run, 5)[0, 0] == pytest.approx(expected, rel=1e-6)
    assert set(run.documents[0].tolist()) == {0, 1, 3, NONE}


@pytest.mark.parametrize("sublinear", [False, True])
def test_agrees_with_scikit_learn(sublinear: bool) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    rng = random.Random(3)
    words = [f"w{int(rng.paretovariate(0.7)) % 200}" for _ in range(3000)]
    texts = [" ".join(rng.choices(words, k=rng.randrange(0, 30))) for _ in range(150)]
    queries = [" ".join([*rng.choices(words, k=rng.randrange(0, 9)), "unknown"]) for _ in range(20)]
    oracle = text.TfidfVectorizer(sublinear_tf=sublinear)
    weights = oracle.fit_transform(texts)
    expected = (oracle.transform(queries) @ weights.T).toarray()
    np.testing.assert_allclose(dense(ask(texts, queries, 150, sublinear_tf=sublinear), 150), expected, atol=2e-6)


def test_a_document_is_most_like_itself() -> None:
    run = ask(TEXTS, TEXTS, depth=1)
    assert run.documents[:, 0].tolist() == [0, 1, 2, 3, NONE]
    np.testing.assert_allclose(run.scores[:4, 0], 1, rtol=1e-6)


@pytest.mark.parametrize("texts", [[], [""]])
def test_a_collection_without_words(texts: list[str]) -> None:
    assert (ask(texts, ["fox"]).documents == NONE).all()
