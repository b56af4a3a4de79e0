"""The hot paths, timed by `make bench`; in `make test` each runs once, so that it keeps working."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements
from harness.registry import STAGES
from harness.stage import Runtime
from harness.statistics import mean_intervals

QUERIES, DEPTH, DOCUMENTS = 500, 100, 20_000
MEASURES = ["nDCG@10", "nDCG@100", "RR@10", "R@10", "R@100", "P@10", "AP@100", "Success@5", "Judged@10"]


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def run(rng: np.random.Generator) -> Run:
    scores = rng.random((QUERIES, DOCUMENTS), dtype=np.float32)
    return Run.top(scores, DEPTH)


def test_top(benchmark: BenchmarkFixture, rng: np.random.Generator) -> None:
    scores = rng.random((64, DOCUMENTS), dtype=np.float32)
    assert benchmark(Run.top, scores, DEPTH).documents.shape == (64, DEPTH)


def test_score(benchmark: BenchmarkFixture, rng: np.random.Generator, run: Run) -> None:
    judged = np.stack([rng.choice(DOCUMENTS, 20, replace=False) for _ in range(QUERIES)])
    known = Judgements.of(np.repeat(np.arange(QUERIES), 20), judged.ravel(), rng.integers(0, 3, judged.size), QUERIES)
    assert len(benchmark(evaluate, MEASURES, run, known)) == len(MEASURES)


def test_intervals(benchmark: BenchmarkFixture, rng: np.random.Generator) -> None:
    assert len(benchmark(mean_intervals, rng.random((QUERIES, 50)))) == 50


def test_rrf(benchmark: BenchmarkFixture, rng: np.random.Generator, run: Run) -> None:
    other = Run.top(rng.random((QUERIES, DOCUMENTS), dtype=np.float32), DEPTH)
    fuse = STAGES["fuse/rrf"](depth=DEPTH).open(Runtime())
    assert len(benchmark(fuse, run, other)) == QUERIES


def test_flat(benchmark: BenchmarkFixture, rng: np.random.Generator) -> None:
    documents = Vectors(rng.standard_normal((DOCUMENTS, 128), dtype=np.float32))
    index = STAGES["index/flat"]().open(Runtime())(documents)
    search = STAGES["search/flat"](depth=DEPTH).open(Runtime(), index)
    assert len(benchmark(search, Vectors(rng.standard_normal((64, 128), dtype=np.float32)))) == 64


def test_bm25(benchmark: BenchmarkFixture, rng: np.random.Generator) -> None:
    words = np.array([f"word{number}" for number in range(5000)])
    texts = [" ".join(rng.choice(words, 30)) for _ in range(5000)]
    corpus = Corpus.of((f"d{row:05}", text) for row, text in enumerate(texts))
    search = STAGES["search/bm25"](depth=DEPTH).open(Runtime(), STAGES["index/bm25"]().open(Runtime())(corpus))
    queries = Queries.of((f"q{row:03}", " ".join(rng.choice(words, 6))) for row in range(100))
    assert len(benchmark(search, queries)) == 100
