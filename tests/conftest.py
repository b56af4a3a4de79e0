"""A small collection and suites over it, for every test that wants to run the straight line."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TEXT = (
    "index vector query document ranking score passage token stem hybrid fusion recall precision graph cluster "
    "memory latency budget corpus judgement grade cosine euclid lexical dense sparse rerank chunk parent prompt"
)
WORDS = TEXT.split()
SYSTEMS = """
  bm25: [{index: bm25}]
  tfidf: [{index: tfidf}]
  "dense-{dim}":
    matrix: {dim: [64, 32]}
    stages: [{encode: hashing, dim: 64}, {reduce: truncate, dim: "{dim}"}, {index: flat, similarity: cosine}]
  hybrid: [{fuse: rrf, of: [bm25, dense-64], k: 60}]
"""


def write_collection(folder: Path, documents: int = 60, queries: int = 12, seed: int = 7) -> Path:
    """Write a BEIR folder in which each query is made of words of its relevant document."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=12)) for _ in range(documents)]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with (folder / "corpus.jsonl").open("w") as file:
        for i, text in enumerate(texts):
            file.write(json.dumps({"_id": f"d{i:05}", "title": f"Note {i}", "text": text}) + "\n")
    asked = rng.sample(range(documents), queries)
    with (folder / "queries.jsonl").open("w") as file:
        for number, i in enumerate(asked):
            chosen = " ".join(rng.sample(texts[i].split(), 5))
            file.write(json.dumps({"_id": f"q{number:03}", "text": chosen}) + "\n")
    rows = [f"q{number:03}\td{i:05}\t{rng.choice([1, 2])}" for number, i in enumerate(asked)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    return write_collection(tmp_path / "toy")


@pytest.fixture
def write_suite(tmp_path: Path, collection: Path) -> Callable[..., Path]:
    """Write a suite over the toy collection; `head` stands before, `systems` in the place of the usual ones."""

    def write(systems: str = SYSTEMS, head: str = "", name: str = "toy", measures: str = "[nDCG@10, R@20]") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"name: {name}\n{head}\n"
            f"datasets:\n  toy: {{source: beir, path: toy, split: test}}\n"
            f"measures: {measures}\ndepth: 20\nsystems:\n{systems.strip(chr(10))}\n"
        )
        return path

    return write


@pytest.fixture
def harness(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command as a user does: another process, its own folder and store."""

    def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HARNESS_STORE": str(tmp_path / "store"), "PYTHONWARNINGS": "default", **variables}
        command = [sys.executable, "-m", "harness", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run
