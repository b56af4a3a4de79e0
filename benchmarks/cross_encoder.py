"""Compare the speed of `rerank: cross_encoder` with CrossEncoder.predict by hand: ratios, alternating in one run.

    python benchmarks/cross_encoder.py --data /path/to/beir/scifact

The weights are those of the bundled all-MiniLM-L6-v2 under a head that is not trained, which changes the order but not
the time. By hand means one call of `predict` for all pairs at the best of several batch sizes, found first on some of
them. The stage works in its chunks, as a run does. Every round times both and the next round goes backwards.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.datasets.base import document_text
from harness.execute.threads import thread_pools
from harness.machine import threads
from harness.models.loading import load, silence
from harness.models.weights import bundled_folder
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.rerank.cross_encoder import CrossEncoderReranker

BATCH_SIZES = (8, 16, 32, 64)
SAMPLE = 64
"""Pairs on which the batch size by hand is chosen."""


def save_weights(folder: Path) -> Model:
    """Save the bundled model as a cross-encoder of one label."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source = str(bundled_folder("all-MiniLM-L6-v2"))
    torch.manual_seed(0)
    with silence():
        AutoModelForSequenceClassification.from_pretrained(source, num_labels=1).save_pretrained(str(folder))
        AutoTokenizer.from_pretrained(source).save_pretrained(str(folder))
    return Model(str(folder))


def read(folder: Path, count: int) -> tuple[Corpus, Queries]:
    """Read the documents and the first judged queries of a BEIR folder."""
    rows = map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines())
    corpus = Corpus.of((row["_id"], document_text(row.get("title"), row["text"])) for row in rows)
    judged = {line.split("\t")[0] for line in (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]}
    asked = map(json.loads, (folder / "queries.jsonl").read_text("utf-8").splitlines())
    return corpus, Queries.of([(row["_id"], row["text"]) for row in asked if row["_id"] in judged][:count])


def open_stage(name: str, runtime: Runtime, *held: Any, **settings: Any) -> Any:
    """Open a stage by its name."""
    return STAGES[name].model_validate(settings).open(runtime, *held)


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print pairs a second, their ratio, and how far the scores lie apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = os.environ.get("HARNESS_TEST_DATA", "")
    parser.add_argument("--data", type=Path, default=Path(home, "beir", "scifact"), help="a BEIR folder")
    parser.add_argument("--queries", type=int, default=32)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=threads())
    options = parser.parse_args()
    with thread_pools(options.threads):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Run the benchmark and print its results."""
    runtime = Runtime(options.device, options.threads)
    corpus, queries = read(options.data, options.queries)
    index = open_stage("index/bm25", runtime)(corpus)
    found: Run = open_stage("search/bm25", runtime, index, depth=options.depth)(queries)
    pairs = [
        (query, corpus.texts[document])
        for query, row in zip(queries.texts, found.documents, strict=True)
        for document in row[row != NONE]
    ]
    with tempfile.TemporaryDirectory() as folder:
        model = save_weights(Path(folder))
        stage = CrossEncoderReranker(depth=options.depth, precision=options.precision)
        weights, rerank = load("CrossEncoder", model, stage, runtime), stage.open(runtime, corpus, queries, model)
        sample = sorted(pairs, key=lambda pair: len(pair[1]))[:: max(1, len(pairs) // SAMPLE)]
        weights.predict(sample[:32])
        tried = {n: min(seconds(partial(weights.predict, sample, batch_size=n)) for _ in range(2)) for n in BATCH_SIZES}
        size = min(tried, key=tried.__getitem__)
        print(
            f"{len(pairs)} pairs, {options.precision} on {options.device}; best batch size by hand {size}", flush=True
        )

        def by_hand() -> Any:
            return weights.predict(pairs, batch_size=size)

        def harness() -> Run:
            starts = range(0, len(found), stage.chunk_rows)
            return Run.join([rerank(found.take(slice(at, at + stage.chunk_rows))) for at in starts])

        works: dict[str, Callable[[], Any]] = {"by hand": by_hand, "harness": harness}
        laps: dict[str, list[float]] = {name: [] for name in works}
        for turn in range(options.rounds):
            for name in list(works) if turn % 2 == 0 else list(reversed(works)):
                laps[name].append(seconds(works[name]))
                print(f"round {turn}: {name} {len(pairs) / laps[name][-1]:.1f} pairs/s", flush=True)
        ratios = [theirs / ours for theirs, ours in zip(laps["by hand"], laps["harness"], strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"harness is {statistics.median(ratios):.3f} times as fast as by hand (rounds: {each})")
        mine, theirs = np.sort(harness().scores[found.documents != NONE]), np.sort(by_hand())
        print(f"greatest difference of the scores in their order: {np.abs(mine - theirs).max():.1e}")


if __name__ == "__main__":
    main()
