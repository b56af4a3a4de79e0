"""Measure HNSW beside exact search: index recall@10, seconds to build, and milliseconds a query, in turn.

    python benchmarks/hnsw.py [--documents 200000] [--dim 384] [--queries 500] [--efsearch 128] [--engine faiss usearch]

Vectors are synthetic and clustered: 2,000 centres from a normal distribution, and around each a cloud of half their
deviation; queries are drawn alike. Both searches get the same vectors, threads and depth, through the stages of a
suite. Recall is that of the stage `score/index_recall`, which a plan adds by itself.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.run import Run
from harness.artifacts.vectors import Vectors
from harness.execute.threads import thread_pools
from harness.registry import STAGES
from harness.stage import Runtime

CENTRES, SPREAD, K = 2000, 0.5, 10


def clustered(rows: int, dimensions: int, seed: int) -> np.ndarray:
    """Return float32[rows, dimensions]; the centres are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((CENTRES, dimensions), dtype=np.float32)
    rng = np.random.default_rng(seed)
    found: np.ndarray = centres[rng.integers(0, CENTRES, rows)]
    found += np.float32(SPREAD) * rng.standard_normal((rows, dimensions), dtype=np.float32)
    return found


def timed(work: Callable[[Vectors], Any], vectors: Vectors) -> tuple[Any, float]:
    """Do it, and say how many seconds it took."""
    start = time.perf_counter()
    return work(vectors), time.perf_counter() - start


def main() -> None:
    """Build, search in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--efsearch", type=int, default=128)
    parser.add_argument("--efconstruction", type=int, default=200)
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--engine", nargs="+", choices=["faiss", "usearch"], default=["faiss"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    said = parser.parse_args()
    with thread_pools(said.threads):
        measure(said)


def measure(said: argparse.Namespace) -> None:
    """Run the benchmark and print its results."""
    runtime, vectors = Runtime(threads=said.threads), Vectors(clustered(said.documents, said.dim, 1))
    queries = Vectors(clustered(said.queries, said.dim, 2))
    graph = {"M": said.m, "efConstruction": said.efconstruction}
    indexers = {"flat": STAGES["index/flat"]()}
    indexers |= {f"hnsw {e}": STAGES["index/hnsw"](engine=e, **graph) for e in said.engine}
    searches: dict[str, Callable[[Vectors], Run]] = {}
    built: dict[str, tuple[float, int]] = {}
    for name, indexer in indexers.items():
        index, seconds = timed(indexer.open(runtime), vectors)
        built[name] = seconds, size(index)
        settings = {} if name == "flat" else {"efSearch": said.efsearch}
        searches[name] = STAGES[f"search/{indexer.name}"](depth=K, **settings).open(runtime, index)
        print(f"{name}: built in {seconds:.1f} s, {built[name][1] / 1e6:,.0f} MB", flush=True)
    took: dict[str, list[float]] = {name: [] for name in searches}
    runs: dict[str, Run] = {}
    for number in range(said.rounds):
        for name in list(searches)[:: 1 if number % 2 == 0 else -1]:
            runs[name], seconds = timed(searches[name], queries)
            took[name].append(1000 * seconds / len(queries))
    recall = STAGES["score/index_recall"](k=K).open(runtime, runs["flat"])
    print(f"{'':<14}{'recall@10':>10}{'ms a query (rounds)':>36}{'build s':>10}{'MB':>8}")
    for name, run in runs.items():
        rounds = f"{statistics.median(took[name]):.3f} ({' '.join(f'{t:.3f}' for t in took[name])})"
        seconds, count = built[name]
        print(f"{name:<14}{recall(run).values.mean():>10.4f}{rounds:>36}{seconds:>10.1f}{count / 1e6:>8,.0f}")


def size(index: Index) -> int:
    """Return the bytes of an index."""
    return sum(array.nbytes for array in index.arrays.values())


if __name__ == "__main__":
    main()
