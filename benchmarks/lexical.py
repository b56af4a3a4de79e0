"""Measure building a BM25 index here against bm25s: seconds, and peak memory above that of the mapped corpus.

    python benchmarks/lexical.py [--documents 400000] [--rounds 3]

Each build is a process of its own, the two in turn; documents are 30 words from a Zipf distribution, the same for both.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.artifacts.text import Corpus
from harness.stage import Runtime
from harness.stages.index.bm25 import Bm25Indexer

WORDS = 200_000


def documents(count: int) -> Iterator[tuple[str, str]]:
    """Give (id, text) of synthetic documents."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{number}" for number in range(WORDS)])
    shares = 1 / np.arange(1, WORDS + 1)
    shares /= shares.sum()
    for start in range(0, count, 10_000):
        for row, words in enumerate(rng.choice(vocabulary, size=(min(10_000, count - start), 30), p=shares)):
            yield f"d{start + row:09}", " ".join(words)


def build(which: str, folder: Path) -> dict[str, float]:
    """Build one index and say what it took."""
    corpus = Corpus.load(folder)
    before, start = peak(), time.perf_counter()
    if which == "harness":
        Bm25Indexer().open(Runtime())(corpus)
    else:
        import bm25s
        import Stemmer

        stemmer = Stemmer.Stemmer("english")
        tokens = bm25s.tokenize(corpus.texts, stopwords="en", stemmer=stemmer, show_progress=False)
        bm25s.BM25(k1=0.9, b=0.4).index(tokens, show_progress=False)
    return {"seconds": time.perf_counter() - start, "megabytes": peak() - before}


def peak() -> float:
    """Return the largest resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", nargs=2, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.build:
        print(json.dumps(build(said.build[0], Path(said.build[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        Corpus.of(documents(said.documents)).save(Path(folder))
        for _ in range(said.rounds):
            for which in ("harness", "bm25s"):
                command = [sys.executable, __file__, "--build", which, folder]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(f"{which:<8} {found['seconds']:6.1f} s  {found['megabytes']:7.0f} MB", flush=True)


if __name__ == "__main__":
    main()
