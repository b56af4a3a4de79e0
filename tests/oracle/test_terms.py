"""Terms and their scores against scikit-learn and bm25s, and what is refused."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.registry import STAGES
from harness.search.analyzer import Analyzer
from harness.search.lexicon import Lexicon, collect, unpack
from harness.stage import Runtime
from harness.stages.index.bm25 import Bm25Indexer, Bm25Searcher
from harness.stages.index.tfidf import TfidfIndexer, TfidfSearcher

TEXTS = [
    "The New-York  times, in a NEW form",
    "a",
    "",
    "C++ and C# are ab, a-b or a_b",
    "Straße  über\n\ndie Brücke 42",
]
PLAIN = {"stemmer": None, "stopwords": None}


def counted(texts: list[str], **settings: Any) -> list[dict[str, int]]:
    lexicon = Lexicon(Analyzer.model_validate(settings))
    found, names = lexicon.count(texts), lexicon.vocabulary
    return [
        {names[t]: int(n) for t, n in zip(found.terms[a:b], found.times[a:b], strict=True)}
        for a, b in zip(found.starts, found.starts[1:], strict=False)
    ]


def texts_of(rng: random.Random, count: int) -> list[str]:
    words = [f"w{int(rng.paretovariate(0.7)) % 60}" for _ in range(2000)]
    return [" ".join(rng.choices(words, k=rng.randrange(0, 25))) for _ in range(count)]


@pytest.mark.parametrize(
    ("settings", "oracle"),
    [
        (PLAIN, {}),
        ({**PLAIN, "lowercase": False}, {"lowercase": False}),
        ({**PLAIN, "ngram_range": [1, 3]}, {"ngram_range": (1, 3)}),
        ({**PLAIN, "ngram_range": [2, 2]}, {"ngram_range": (2, 2)}),
        ({**PLAIN, "stopwords": ["New"], "ngram_range": [1, 2]}, {"stop_words": ["new"], "ngram_range": (1, 2)}),
        ({**PLAIN, "tokenizer": "whitespace"}, {"token_pattern": r"\S+"}),
        ({**PLAIN, "tokenizer": "[a-z+#]+"}, {"token_pattern": "[a-z+#]+"}),
        ({**PLAIN, "tokenizer": r"(\w)\w*"}, {"token_pattern": r"(\w)\w*"}),
        ({"tokenizer": "char"}, {"analyzer": "char"}),
        ({"tokenizer": "char", "ngram_range": [2, 4]}, {"analyzer": "char", "ngram_range": (2, 4)}),
        ({"tokenizer": "char_wb", "ngram_range": [1, 3]}, {"analyzer": "char_wb", "ngram_range": (1, 3)}),
        ({"tokenizer": "char_wb", "ngram_range": [4, 6]}, {"analyzer": "char_wb", "ngram_range": (4, 6)}),
    ],
)  # fmt: skip
def test_terms_are_those_of_scikit_learn(settings: dict[str, Any], oracle: dict[str, Any]) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    analyze = text.CountVectorizer(**oracle).build_analyzer()
    assert counted(TEXTS, **settings) == [dict(Counter(analyze(each))) for each in TEXTS]


def test_stop_words_go_before_neighbours_are_joined_and_stems_are_joined() -> None:
    assert counted(["The foxes of running"], ngram_range=[2, 2]) == [{"fox run": 1}]
    assert counted(["THE Fox"], lowercase=False) == [{"Fox": 1}]


@pytest.mark.parametrize(
    "settings", [{**PLAIN, "ngram_range": (1, 2)}, {"tokenizer": "char_wb", "ngram_range": (3, 4)}]
)
def test_scores_of_n_grams_agree(settings: dict[str, Any]) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    import bm25s

    rng = random.Random(4)
    texts, queries = texts_of(rng, 80), [*texts_of(rng, 8), "unknown w1"]
    kind = {"analyzer": settings.get("tokenizer", "word"), "ngram_range": settings["ngram_range"]}
    vectors = text.TfidfVectorizer(**kind)
    weights = vectors.fit_transform(texts)
    cosines = (vectors.transform(queries) @ weights.T).toarray()
    run = search(TfidfIndexer(**settings), TfidfSearcher(depth=80), texts, queries)
    np.testing.assert_allclose(dense(run, 80), cosines, atol=2e-6)
    analyze = text.CountVectorizer(**kind).build_analyzer()
    oracle = bm25s.BM25(k1=0.9, b=0.4)
    oracle.index([analyze(each) for each in texts], show_progress=False)
    known = [[term for term in analyze(query) if term in oracle.vocab_dict] for query in queries]
    scores = np.array([oracle.get_scores(terms) if terms else np.zeros(80) for terms in known])
    run = search(Bm25Indexer(**settings), Bm25Searcher(depth=80), texts, queries)
    np.testing.assert_allclose(dense(run, 80), scores, rtol=2e-5, atol=2e-5)


def search(indexer: Any, searcher: Any, texts: list[str], queries: list[str]) -> Run:
    index = indexer.open(Runtime())(Corpus.of((f"d{i:04}", text) for i, text in enumerate(texts)))
    run: Run = searcher.open(Runtime(), index)(Queries.of((f"q{i:03}", text) for i, text in enumerate(queries)))
    return run


def dense(run: Run, documents: int) -> np.ndarray:
    scores = np.zeros((len(run), documents))
    rows, places = np.nonzero(run.documents != NONE)
    scores[rows, run.documents[rows, places]] = run.scores[rows, places]
    return scores


@pytest.mark.parametrize("tokenizer", ["[^,]+", r"\n|\w", "char", "char_wb", r"\w*"])
def test_a_term_holds_no_line_break_and_is_not_empty(tokenizer: str) -> None:
    corpus = Corpus.of([("d1", "one\ntwo, three\n"), ("d2", ",\n,")])
    found = collect(corpus, Analyzer.model_validate({"tokenizer": tokenizer, "stopwords": None}))
    terms = unpack(found.vocabulary)
    assert len(terms) == len(found.starts) - 1 and all(terms)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokenizer": "whitespce"}, "did you mean 'whitespace'"),
        ({"tokenizer": "[a-z"}, "is not a valid regular expression: unterminated character set"),
        ({"tokenizer": r"(\w)(\w)"}, "has 2 groups"),
        ({"tokenizer": "char", "stemmer": "english"}, "leave out stemmer and stopwords"),
        ({"ngram_range": [2, 1]}, r"ngram_range is \[shortest, longest\]: write \[1, 2\]"),
        ({"ngram_range": [0, 1]}, "greater than 0"),
        ({"ngram_size": 2}, "ngram_size"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], message: str) -> None:
    for name in ("index/bm25", "index/tfidf"):
        with pytest.raises(ValueError, match=message):
            STAGES[name].model_validate(settings)


def test_characters_have_one_name() -> None:
    assert Bm25Indexer(tokenizer="char", stemmer=None, stopwords=None) == Bm25Indexer(tokenizer="char")
