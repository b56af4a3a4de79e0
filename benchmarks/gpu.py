"""A GPU checked against the CPU, and its work timed beside the floor that bytes and operations set; one short table.

    python benchmarks/gpu.py [--documents N] [--rounds N] [--device cpu]

The floors are not from a data sheet: the bandwidth is that of a large copy on this device, the rate of operations that
of a large product of matrices in bf16 (for encoding) or float32 (for search and MaxSim), measured here. Every figure
is the median of its rounds, the device synchronised. It skips, with the reason, where there is no CUDA device;
`--device cpu` walks through it with little work, to see that it runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.token_vectors import TokenVectors
from harness.machine import describe
from harness.models.weights import bundled_folder
from harness.registry import STAGES
from harness.search.exact import nearest
from harness.search.maxsim import MaxSim
from harness.search.similarity import DeviceProducts, Documents, Products
from harness.stage import Runtime

DIMENSIONS = 384
PARAMETERS = 22_700_000 - 11_900_000
"""Of all-MiniLM-L6-v2 without its table of tokens, which is looked up and not multiplied."""


class Floors(NamedTuple):
    """What this device does at best: bytes a second, and operations a second in bf16 and float32."""

    bytes: float
    bf16: float
    fp32: float


class Sizes(NamedTuple):
    """How much is done: documents encoded, bytes copied, the side of a matrix, documents and queries of MaxSim."""

    encoded: int
    copied: int
    side: int
    documents: int
    queries: int


SIZES = {"cuda": Sizes(16_384, 1 << 30, 8192, 5000, 256), "cpu": Sizes(64, 1 << 24, 256, 200, 8)}


def main() -> None:
    """Check, time, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=SIZES, default="cuda")
    said = parser.parse_args()
    lack = None if said.device == "cpu" else missing()
    if lack:
        print(f"skipped: {lack}")
        return
    bench = Bench(said.device, said.rounds)
    floors = bench.floors()
    print(f"{', '.join(describe().gpus) or describe().cpu}: copies {floors.bytes / 1e12:.3f} TB/s, ", end="")
    print(f"multiplies {floors.bf16 / 1e12:.1f} TFLOP/s in bf16, {floors.fp32 / 1e12:.1f} in float32 (without TF32)")
    bench.encode(floors)
    bench.search(floors, said.documents)
    bench.late(floors)
    bench.rerank(floors)
    print(f"\n{'work':56} {'rate':>22} {'ms':>9} {'floor ms':>9} {'share':>6}")
    print("\n".join(bench.lines))


def missing() -> str | None:
    """Say what a GPU's work lacks here."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    return None if torch.cuda.is_available() else "there is no CUDA device"


class Bench:
    """The work on one device, so many rounds of it, and the lines of the table."""

    def __init__(self, device: str, rounds: int) -> None:
        self.device, self.rounds, self.sizes = device, rounds, SIZES[device]
        self.lines: list[str] = []

    def synchronize(self) -> None:
        """Wait until the device has done all that it was told."""
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """Return the median seconds of some work, after one round that does not count."""
        found = []
        for _ in range(self.rounds + 1):
            self.synchronize()
            start = time.perf_counter()
            work()
            self.synchronize()
            found.append(time.perf_counter() - start)
        return statistics.median(found[1:])

    def floors(self) -> Floors:
        """Measure what the device does at best."""
        import torch

        torch.set_float32_matmul_precision("highest")
        held = torch.empty(self.sizes.copied, dtype=torch.uint8, device=self.device)
        other = torch.empty_like(held)
        rates = []
        for kind, side in ((torch.bfloat16, self.sizes.side), (torch.float32, self.sizes.side)):
            a, b = (torch.randn(side, side, device=self.device).to(kind) for _ in range(2))
            rates.append(2 * side**3 / self.seconds(partial(torch.matmul, a, b)))
        return Floors(2 * held.nbytes / self.seconds(lambda: other.copy_(held)), *rates)

    def line(self, what: str, count: float, unit: str, took: float, floor: float) -> None:
        """Print a row: the rate, the time, the least time that bytes and operations take, and the share of it."""
        self.lines.append(
            f"{what:56} {count / took:14,.0f} {unit:>7} {took * 1e3:9.2f} {floor * 1e3:9.2f} {floor / took:6.1%}"
        )

    def encode(self, floors: Floors) -> None:
        """Time the dense encoder in bf16, and hold its vectors against the CPU's in float32."""
        corpus, words = texts(Corpus, self.sizes.encoded, 200), 200
        stage: Any = STAGES["encode/dense"]
        call = stage(precision="bf16").open(Runtime(self.device), minilm())
        part = corpus.take(slice(0, 32))
        here = stage(precision="fp32").open(Runtime(threads=8), minilm())(part).array
        print(f"encode: least cosine to the CPU's float32 {(call(part).array * here).sum(axis=1).min():.5f}")
        tokens = len(corpus) * (words + 2)
        took = self.seconds(lambda: call(corpus))
        operations = tokens * (
            2 * PARAMETERS + 4 * 6 * DIMENSIONS * (words + 2)
        )  # weights, and attention in six layers
        self.line("encode: dense, bf16, 200 words a document", tokens, "tok/s", took, operations / floors.bf16)

    def search(self, floors: Floors, count: int) -> None:
        """Time exact search over float32 vectors, and hold its runs against the CPU's on a part of them."""
        random = np.random.default_rng(1)
        vectors = np.empty((count, DIMENSIONS), np.float32)
        for start in range(0, count, 100_000):
            vectors[start : start + 100_000] = random.standard_normal(
                vectors[start : start + 100_000].shape, np.float32
            )
        asked = random.standard_normal((1024, DIMENSIONS), np.float32)
        squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
        few = Documents(vectors[:100_000], squares[:100_000], "dot")
        here = nearest(Products(few, 8), asked[:64], 100, range(64))
        there = nearest(DeviceProducts(few, self.device), asked[:64], 100, range(64))
        same = (here.documents == there.documents).all() and (here.scores == there.scores).all()
        print(f"search: the run of 64 queries over 100,000 is the CPU's: {bool(same)}")
        products = DeviceProducts(Documents(vectors, squares, "dot"), self.device)
        for queries in (1, 64, 1024):
            took = self.seconds(partial(nearest, products, asked[:queries], 100, range(queries)))
            floor = max(vectors.nbytes / floors.bytes, 2 * vectors.size * queries / floors.fp32)
            self.line(
                f"index: flat, {count:,} x {DIMENSIONS}, {queries} queries, depth 100", queries, "q/s", took, floor
            )

    def late(self, floors: Floors) -> None:
        """Time MaxSim of 100 candidates a query, and hold scores against the CPU's."""
        random = np.random.default_rng(2)

        def made(rows: int, tokens: int) -> TokenVectors:
            array = random.standard_normal((rows * tokens, DIMENSIONS)).astype(np.float16)
            return TokenVectors(array, np.arange(rows + 1, dtype=np.int64) * tokens)

        documents, queries = made(self.sizes.documents, 240), made(self.sizes.queries, 24)
        candidates = random.integers(0, self.sizes.documents, (self.sizes.queries, 100)).astype(np.int32)
        there = MaxSim(documents, self.device)
        part, few = queries.take(slice(0, 8)), candidates[:8]
        here = MaxSim(documents, "cpu").some(part, few)
        print(f"MaxSim: largest relative difference to the CPU {np.abs(there.some(part, few) / here - 1).max():.1e}")
        pairs = candidates.size
        took = self.seconds(lambda: there.some(queries, candidates))
        floor = max(pairs * 240 * DIMENSIONS * 2 / floors.bytes, 2 * pairs * 240 * 24 * DIMENSIONS / floors.fp32)
        self.line("rerank: late, 100 documents of 240 tokens a query", pairs, "pairs/s", took, floor)

    def rerank(self, floors: Floors) -> None:
        """Time a cross-encoder of MiniLM's size with an untrained head, whose scores mean nothing and take as long."""
        import tempfile

        from sentence_transformers import CrossEncoder

        corpus, queries = texts(Corpus, 2000, 150), texts(Queries, self.sizes.queries // 4, 8)
        random = np.random.default_rng(3)
        found = Run.top(random.random((len(queries), 2000), np.float32), 100)
        with tempfile.TemporaryDirectory() as folder:
            CrossEncoder(minilm().path, num_labels=1, device="cpu").save_pretrained(folder)
            stage: Any = STAGES["rerank/cross_encoder"]
            call = stage(depth=100, precision="bf16").open(Runtime(self.device), corpus, queries, Model(folder))
            took = self.seconds(lambda: call(found))
        tokens = found.documents.size * (150 + 8 + 3)
        operations = tokens * (2 * PARAMETERS + 4 * 6 * DIMENSIONS * 161)
        self.line(
            "rerank: cross_encoder, bf16, pairs of 161 tokens",
            found.documents.size,
            "pairs/s",
            took,
            operations / floors.bf16,
        )


def texts(kind: Any, count: int, words: int) -> Any:
    """Make texts of so many common words."""
    random = np.random.default_rng(0)
    known = np.array(
        ["the", "rain", "in", "spain", "search", "of", "vectors", "and", "long", "queries", "on", "a", "plain"]
    )
    return kind.of((f"{i:07}", " ".join(random.choice(known, words))) for i in range(count))


def minilm() -> Model:
    """Return the bundled model."""
    return Model(str(bundled_folder("all-MiniLM-L6-v2")))


if __name__ == "__main__":
    main()
