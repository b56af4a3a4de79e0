"""Compare a closed loop with an open loop on a stage that stalls for 300 ms every 10 s.

    python benchmarks/stall.py

One suite runs both modes. In `single` the next query is asked when the previous one is answered, so a stall is one slow
lap. In `server` queries arrive by a Poisson process, so a stall delays every query that arrives during it.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.api import run
from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Corpus, Queries
from harness.registry import STAGES
from harness.results import Results
from harness.stage import Reranker, Runtime

SERVICE, STALL, EVERY = 0.001, 0.3, 10.0
SUITE = """
name: stall
plugins: ["{plugin}"]
datasets: {{made: {{source: beir, path: made, split: test}}}}
measures: [nDCG@10]
systems:
  plain: [{{index: bm25}}]
  stalling: [{{index: bm25}}, {{rerank: stalling}}]
latency:
  modes: [single, server]
  seconds: {seconds}
  within: 0.0001
  server: {{p99_ms: 100, seconds: {seconds}, rates: [{rate:g}]}}
"""


@STAGES.register("rerank/stalling")
class Stalling(Reranker):
    """Return the run unchanged, after 1 ms; every 10 s, after 301 ms."""

    uses_model: ClassVar[bool] = False

    def open(self, runtime: Runtime, corpus: Corpus, queries: Queries, model: Model | None) -> Callable[[Run], Run]:
        """Return a call that sleeps."""
        del runtime, corpus, queries, model
        last_stall = [time.perf_counter()]

        def rerank(run: Run) -> Run:
            time.sleep(SERVICE)
            if time.perf_counter() - last_stall[0] >= EVERY:
                time.sleep(STALL)
                last_stall[0] = time.perf_counter()
            return run

        return rerank


def write_collection(folder: Path) -> None:
    """Write 500 documents and 50 queries of random words."""
    draw = random.Random(0)
    words = [f"w{number}" for number in range(300)]
    (folder / "qrels").mkdir(parents=True)
    texts = [" ".join(draw.choices(words, k=40)) for _ in range(500)]
    lines = [json.dumps({"_id": f"d{i}", "title": "", "text": text}) for i, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    queries = [json.dumps({"_id": f"q{i}", "text": " ".join(texts[i].split()[:5])}) for i in range(50)]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    judged = [f"q{i}\td{i}\t1" for i in range(50)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]))


def table(results: Results, rate: float) -> str:
    """Return a table of both loops side by side, from the result files alone."""
    lines = ["| ms | laps | p50 | p95 | p99 | max |", "|---|---|---|---|---|---|"]
    for system in ("plain", "stalling"):
        loops = {
            "closed loop (`single`)": ("single", "latency_{}"),
            f"open loop, {rate:g}/s": ("server", f"server_{{}}@{rate:g}"),
        }
        for title, (mode, name) in loops.items():
            ns = results.query(
                "select ns from latency where stage is null and arm = '' "
                f"and system = '{system}' and mode = '{mode}'" + (" and block = 0" if mode == "server" else "")
            )["ns"].to_numpy()
            rows = [results.measurement("made", system, name.format(level)) for level in ("p50", "p95", "p99")]
            cells = [f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]" if row else "" for row in rows]
            lines.append(f"| {system}, {title} | {len(ns)} | {' | '.join(cells)} | {np.max(ns) / 1e6:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run the measurement and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=40, help="duration of the closed loop, and of each offered rate"
    )
    parser.add_argument("--rate", type=float, default=100, help="queries a second of the open loop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_collection(folder / "made")
        suite = folder / "stall.yaml"
        suite.write_text(SUITE.format(plugin=Path(__file__).resolve(), seconds=options.seconds, rate=options.rate))
        results = run(suite, results=folder / "results", store=folder / "store", device="cpu")
        print(table(results, options.rate))
        systems = results.part("latency")["made"]["server"]["systems"]
        for system, search in systems.items():
            low, high = search["highest"]["low"], search["highest"]["high"]
            print(
                f"{system}: highest rate with p99 <= 100 ms: {low or 'none'} (next tried: {high}); generator late by",
                search["offers"][0]["late_us"],
                "us",
            )


if __name__ == "__main__":
    main()
