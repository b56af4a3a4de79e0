"""Compare the speed of `encode: dense` with SentenceTransformer.encode by hand: ratios, alternating in one run.

    python benchmarks/encode.py --data /path/to/beir/scifact --documents 1024

By hand means one call for all documents at the best of several batch sizes, found first on a few documents. The stage
works in its chunks, as a run does. Every round times all four in turn and the next round goes backwards; the ratio is
the median over rounds, so that other work on the machine falls on all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.artifacts.model import Model
from harness.artifacts.text import Corpus
from harness.artifacts.vectors import Vectors
from harness.datasets.base import document_text
from harness.execute.threads import thread_pools
from harness.machine import threads
from harness.models.loading import load
from harness.models.weights import bundled_folder
from harness.stage import Runtime
from harness.stages.encode.dense import DenseEncoder

BATCH_SIZES = (8, 16, 32, 64, 128)
PRECISIONS = ("fp32", "bf16")
SAMPLE = 192
"""Documents on which the batch size by hand is chosen."""
WORDS = __doc__.split()


def read_corpus(folder: Path | None, count: int) -> Corpus:
    """Read the first documents of a BEIR folder; without one make up texts of 40 to 300 words."""
    if folder is None:
        rng = random.Random(0)
        return Corpus.of((f"{i:06}", " ".join(rng.choices(WORDS, k=rng.randint(40, 300)))) for i in range(count))
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]
    return Corpus.of((row["_id"], document_text(row.get("title"), row["text"])) for row in rows)


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best_batch_size(model: Any, texts: list[str]) -> int:
    """Choose what is fastest on documents of all lengths, the best of three passes."""
    sample = sorted(texts, key=len)[:: max(1, len(texts) // SAMPLE)]
    model.encode(sample[:32])
    laps: dict[int, float] = dict.fromkeys(BATCH_SIZES, float("inf"))
    for size in BATCH_SIZES * 3:
        laps[size] = min(laps[size], seconds(partial(model.encode, sample, batch_size=size)))
    return min(laps, key=laps.__getitem__)


def in_chunks(encode: Callable[[Any], Any], corpus: Corpus, rows: int) -> Vectors:
    """Encode as a run does."""
    return Vectors.join([encode(corpus.take(slice(at, at + rows))) for at in range(0, len(corpus), rows)])


def competitors(corpus: Corpus, model: Model, runtime: Runtime) -> dict[str, Callable[[], Any]]:
    """Prepare all that is compared, by name."""
    texts, works = corpus.texts, dict[str, Callable[[], Any]]()
    for precision in PRECISIONS:
        stage = DenseEncoder.model_validate({"precision": precision})
        encode, weights = stage.open(runtime, model), load("SentenceTransformer", model, stage, runtime)
        size = best_batch_size(weights, texts)
        print(f"{precision}: best batch size by hand {size}", flush=True)

        def by_hand(weights: Any = weights, size: int = size) -> Any:
            return weights.encode(texts, batch_size=size, convert_to_tensor=True)

        def harness(encode: Any = encode, rows: int = stage.chunk_rows) -> Any:
            return in_chunks(encode, corpus, rows)

        works |= {f"by hand {precision}": by_hand, f"harness {precision}": harness}
    return works


def main() -> None:
    """Print documents a second, and the ratios to both anchors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = os.environ.get("HARNESS_TEST_DATA")
    scifact = Path(home, "beir", "scifact") if home else None
    parser.add_argument("--data", type=Path, default=scifact, help="a BEIR folder; made-up texts if there is none")
    parser.add_argument("--documents", type=int, default=1024)
    parser.add_argument("--model", help="a folder of weights; the bundled all-MiniLM-L6-v2 by default")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with thread_pools(threads()):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Run the benchmark and print its results."""
    DenseEncoder.name = "dense"
    corpus = read_corpus(options.data, options.documents)
    model = Model(options.model or str(bundled_folder("all-MiniLM-L6-v2")))
    works = competitors(corpus, model, Runtime(options.device, threads()))
    laps: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(options.rounds):
        for name in list(works) if turn % 2 == 0 else list(reversed(works)):
            laps[name].append(seconds(works[name]))
            print(f"round {turn}: {name} {len(corpus) / laps[name][-1]:.1f} documents/s", flush=True)
    for name, anchor in (
        ("harness fp32", "by hand fp32"),
        ("harness bf16", "by hand bf16"),
        ("harness bf16", "by hand fp32"),
    ):
        ratios = [theirs / ours for theirs, ours in zip(laps[anchor], laps[name], strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name} is {statistics.median(ratios):.3f} times as fast as {anchor} (rounds: {each})")


if __name__ == "__main__":
    main()
