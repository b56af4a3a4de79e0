"""Measure exact search here against faiss's IndexFlatIP: the ratio of their times, in turn, on the same threads.

    OMP_NUM_THREADS=1 python benchmarks/flat.py [--threads 1] [--rounds 5] [--documents 200000] [--dimensions 384]

Documents and queries lie around 2,000 random centres, all of length 1. Building an index and opening it are outside the
times. Needs faiss.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from harness.artifacts.vectors import Vectors
from harness.execute.threads import thread_pools
from harness.registry import STAGES
from harness.stage import Runtime

CENTRES = 2000
SPREAD = 0.6
"""The length of what is added to a centre of length 1."""


def clustered(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Return float32[count, dimensions] of length 1 around centres that are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((CENTRES, dimensions), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    array = rng.standard_normal((count, dimensions), dtype=np.float32) * np.float32(SPREAD / dimensions**0.5)
    array += centres[rng.integers(0, CENTRES, count)]
    array /= np.linalg.norm(array, axis=1, keepdims=True)
    return array


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 64, 1000])
    parser.add_argument("--depths", type=int, nargs="+", default=[10, 100, 1000])
    said = parser.parse_args()
    with thread_pools(said.threads):
        measure(said)


def measure(said: argparse.Namespace) -> None:
    """Run the benchmark and print its results."""
    import faiss

    runtime = Runtime(threads=said.threads)
    documents = clustered(said.documents, said.dimensions, 1)
    index = STAGES["index/flat"](similarity="dot").open(runtime)(Vectors(documents))
    theirs = faiss.IndexFlatIP(said.dimensions)
    theirs.add(documents)
    print(f"{'queries':>7} {'depth':>5}  {'harness':>9}  {'faiss':>9}  ratio  (rounds)")
    for count in said.queries:
        queries = clustered(count, said.dimensions, 2)
        for depth in said.depths:
            search = STAGES["search/flat"](depth=depth).open(runtime, index)
            pairs = [
                (seconds(lambda: search(Vectors(queries))), seconds(lambda: theirs.search(queries, depth)))  # noqa: B023
                for _ in range(said.rounds + 1)
            ][1:]
            ratios = sorted(mine / other for mine, other in pairs)
            mine, other = (1e3 * median(column) for column in zip(*pairs, strict=True))
            spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(
                f"{count:>7} {depth:>5}  {mine:>6.0f} ms  {other:>6.0f} ms  {median(ratios):>5.2f}  {spread}",
                flush=True,
            )


if __name__ == "__main__":
    main()
