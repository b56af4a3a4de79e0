"""Measure time and memory of a large corpus of short documents: load it, index it in BM25, search it, encode it.

    python benchmarks/two_million.py [--documents 2000000] [--dim 256] [--folder FOLDER]

Documents are about 20 words each, drawn from 200,000 words by Zipf's law, and written as a BEIR folder in an order that
is not that of their ids. Each phase is a process of its own over one store, so that its peak is its own; the last does
all of them in one, from an empty store. "resident" is the highest the operating system saw (ru_maxrss); it counts the
pages of mapped files, which the system takes back when it needs them. "private" is the highest of the rest (RssAnon of
/proc, read every 20 ms; Linux only).
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.plan import make_plan
from harness.plan.leaves import find_leaves
from harness.stage import Runtime
from harness.store import Store
from harness.suite import load_suite

SUITE = """
name: large
datasets: {{data: {{source: beir, path: data}}}}
measures: [nDCG@10]
systems:
  bm25: [{{index: bm25}}]
  dense: [{{encode: hashing, dim: {dim}}}, {{index: flat}}]
"""
PHASES = ("load", "index", "search", "encode", "all")
QUERIES, WORDS, VOCABULARY, BATCH = 1000, 20, 200_000, 10_000


def write(folder: Path, documents: int) -> None:
    """Write the collection; ids are a fixed permutation, so that the rows must be sorted."""
    (folder / "qrels").mkdir(parents=True)
    rng = np.random.default_rng(2)
    words = np.array([np.base_repr(int(n), 36).lower() for n in rng.permutation(VOCABULARY) + 36**3])
    weights = 1 / np.arange(1, VOCABULARY + 1)
    bounds, step = np.cumsum(weights / weights.sum()), 7_919
    asked: list[str] = []
    with (folder / "corpus.jsonl").open("w") as file:
        for start in range(0, documents, BATCH):
            count = min(BATCH, documents - start)
            drawn = words[np.searchsorted(bounds, rng.random((count, WORDS))).clip(0, VOCABULARY - 1)]
            for number, row in enumerate(drawn, start):
                key, text = f"d{number * step % documents:08}", " ".join(row)
                file.write(json.dumps({"_id": key, "text": text}) + "\n")
                if number % (documents // QUERIES) == 0:
                    asked.append(json.dumps({"_id": f"q{key}", "text": " ".join(row[:5])}))
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    rows = (f"{json.loads(line)['_id']}\t{json.loads(line)['_id'][1:]}\t1\n" for line in asked)
    (folder / "qrels/test.tsv").write_text("".join(rows))


class Private(threading.Thread):
    """Watch the resident memory of this process that belongs to no file."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.done = 0, threading.Event()

    def run(self) -> None:
        """Read it again and again."""
        while not self.done.wait(0.02):
            found = re.search(r"RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text())
            self.peak = max(self.peak, int(found[1]) * 1024 if found else 0)


def work(folder: Path, store: Path, phase: str, dim: int) -> None:
    """Do one phase in this process and print its seconds and its peak."""
    (folder / "large.yaml").write_text(SUITE.format(dim=dim))
    private, start = Private(), time.perf_counter()
    private.start()
    suite, opened = load_suite(folder / "large.yaml"), Store(store)
    leaves = find_leaves(suite.datasets, suite.models, suite.base, opened, fetch=True)
    plan = make_plan(suite, leaves)
    target = {one.system: replace(one, scores={}) for one in plan.targets}
    search, dense = target["bm25"], target["dense"]
    assert search.chain.index is not None
    index, encode = replace(search, run=search.chain.index), replace(dense, run=dense.chain.docs)
    targets = {"load": (), "index": (index,), "search": (search,), "encode": (encode,), "all": (search, encode)}[phase]
    outcome = execute(replace(plan, targets=targets), opened, Runtime(threads=1), Silent())
    if outcome.failed:
        raise SystemExit("\n".join(outcome.tracebacks))
    seconds, spent = time.perf_counter() - start, time.process_time()
    private.done.set()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{phase:<8} {seconds:>7.1f} s {spent:>7.1f} s CPU {peak / 1e9:>6.2f} GB resident", end="")
    print(f" {private.peak / 1e9:>6.2f} GB private", flush=True)


def main() -> None:
    """Write the collection and measure the phases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.phase:
        work(said.folder, said.store, said.phase, said.dim)
        return
    with tempfile.TemporaryDirectory(dir=said.folder) as place:
        folder = Path(place)
        write(folder / "data", said.documents)
        size = (folder / "data/corpus.jsonl").stat().st_size
        print(f"{said.documents:,} documents, {size / 1e6:,.0f} MB; dim {said.dim}", flush=True)
        for phase in PHASES:
            store = folder / ("store-all" if phase == "all" else "store")
            words = ["--folder", folder, "--store", store, "--phase", phase, "--dim", said.dim]
            subprocess.run([sys.executable, __file__, *map(str, words)], check=True)


if __name__ == "__main__":
    main()
