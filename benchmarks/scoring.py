"""Measure scoring: from arrays against pytrec_eval and ranx, from TREC files against the command of ir_measures.

    python benchmarks/scoring.py [--queries 2000] [--depth 1000] [--rounds 5] [--files 5000]

One made run, twelve measures. The contestants take turns within one process (ranx and the commands: a process each, as
a cold start is what is asked), so that whatever else the machine does meets them alike. pytrec_eval gets its
dictionaries and its evaluator ready-made. Prints a table; every number is the median over the rounds. By the clock a
busy machine slows what happens to run then; seconds of processors hardly depend on it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.artifacts.run import Run
from harness.measures.evaluate import evaluate
from harness.measures.judgements import Judgements

MEASURES = {
    "nDCG@10": "ndcg_cut_10",
    "nDCG@100": "ndcg_cut_100",
    "nDCG": "ndcg",
    "RR": "recip_rank",
    "AP": "map",
    "AP@100": "map_cut_100",
    "P@5": "P_5",
    "P@10": "P_10",
    "R@10": "recall_10",
    "R@100": "recall_100",
    "Success@10": "success_10",
    "Rprec": "Rprec",
}
RANX = [
    *("ndcg@10", "ndcg@100", "ndcg", "mrr", "map", "map@100", "precision@5", "precision@10"),
    *("recall@10", "recall@100", "hit_rate@10", "r-precision"),
]
COLD_RANX = """
import json, sys, time
import ranx
qrels, run, measures = json.load(open(sys.argv[1]))
ready, spent = time.perf_counter(), time.process_time()
found = ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), measures, make_comparable=True)
print(json.dumps([time.perf_counter() - ready, time.process_time() - spent]))
"""
COLD_ROUNDS = 1
"""It compiles for half a minute."""
MEMORY = """
import resource, runpy, sys
sys.argv = ["harness", *sys.argv[1:]]
try:
    runpy.run_module("harness", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def made(queries: int, depth: int, seed: int = 0) -> tuple[Run, Judgements, dict[str, Any], dict[str, Any]]:
    """Make a run over a corpus of 100,000 and forty judgements a query, as arrays and as dictionaries."""
    rng = np.random.default_rng(seed)
    documents = np.stack([rng.choice(100_000, depth, replace=False) for _ in range(queries)]).astype(np.int32)
    run = Run.top(rng.normal(10, 3, documents.shape).round(4).astype(np.float32), depth, documents=documents)
    judged = np.concatenate([run.documents[:, ::53][:, :19], rng.integers(0, 100_000, (queries, 21))], axis=1)
    pairs = np.unique(np.stack([np.repeat(np.arange(queries), judged.shape[1]), judged.ravel()]), axis=1)
    grades = rng.integers(0, 4, size=(pairs.shape[1],))
    known = Judgements.of(pairs[0], pairs[1], grades, queries)
    qrels: dict[str, dict[str, int]] = {}
    for row, document, grade in zip(*pairs.tolist(), grades.tolist(), strict=True):
        qrels.setdefault(f"q{row}", {})[f"d{document:06}"] = grade
    found = {
        f"q{row}": {f"d{d:06}": float(s) for d, s in zip(run.documents[row], run.scores[row], strict=True)}
        for row in range(queries)
    }
    return run, known, qrels, found


class Seconds(NamedTuple):
    """By the clock, and of processors: the latter hardly depend on what else a machine does."""

    clock: float
    processor: float


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Return seconds and what came of it; processes that it started and waited for are counted."""
    start, spent = time.perf_counter(), _processor()
    found = work()
    return Seconds(time.perf_counter() - start, _processor() - spent), found


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def medians(times: dict[str, list[Seconds]]) -> dict[str, Seconds]:
    """Return the median of each kind of seconds."""
    return {
        name: Seconds(*(statistics.median(kind) for kind in zip(*some, strict=True))) for name, some in times.items()
    }


def write_files(folder: Path, qrels: dict[str, Any], found: dict[str, Any]) -> tuple[Path, Path]:
    """Write both as TREC files."""
    paths = folder / "made.qrels", folder / "made.run"
    with paths[0].open("w") as file:
        file.writelines(f"{q} 0 {d} {g}\n" for q, some in qrels.items() for d, g in some.items())
    with paths[1].open("w") as file:
        for query, some in found.items():
            file.writelines(f"{query} Q0 {d} {rank} {s!r} made\n" for rank, (d, s) in enumerate(some.items(), 1))
    return paths


def from_arrays(run: Run, known: Judgements, qrels: Any, scored: Any, folder: Path, rounds: int) -> dict[str, Any]:
    """Take turns: our kernels, pytrec_eval, a cold ranx; the seconds, and the largest difference to pytrec_eval."""
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values()))
    given, script = folder / "given.json", folder / "cold.py"
    given.write_text(json.dumps([qrels, scored, RANX]))
    script.write_text(COLD_RANX)
    times: dict[str, list[Seconds]] = {"harness": [], "pytrec_eval": [], "ranx, cold": [], "ranx, compiled before": []}
    worst = 0.0
    for turn in range(rounds):
        seconds, ours = timed(lambda: evaluate(MEASURES, run, known))
        times["harness"].append(seconds)
        seconds, theirs = timed(lambda: evaluator.evaluate(scored))
        times["pytrec_eval"].append(seconds)
        for name, other in MEASURES.items():
            values = np.array([theirs[f"q{row}"][other] for row in range(len(run))])
            worst = max(worst, float(np.abs(values - ours[name]).max()))
        if turn < COLD_ROUNDS:
            kept = {**os.environ, "NUMBA_CACHE_DIR": str(folder / f"numba-{turn}")}
            for name in ("ranx, cold", "ranx, compiled before"):
                done = subprocess.run([sys.executable, script, given], capture_output=True, check=True, env=kept)
                times[name].append(Seconds(*json.loads(done.stdout.splitlines()[-1])))
    return {"from arrays": medians(times), "worst": worst}


def from_files(qrels: Path, run: Path, rounds: int) -> dict[str, Seconds]:
    """Take turns: `harness score` and `ir_measures`, both as commands on the same files."""
    names = list(MEASURES)
    words = {
        "harness score": [sys.executable, "-m", "harness", "score", qrels, run, *(w for n in names for w in ("-m", n))],
        "ir_measures": [sys.executable, "-m", "ir_measures", qrels, run, *names],
    }
    times: dict[str, list[Seconds]] = {name: [] for name in words}
    for _ in range(rounds):
        for name, command in words.items():
            times[name].append(timed(partial(subprocess.run, command, capture_output=True, check=True))[0])
    return medians(times)


class Large(NamedTuple):
    """What the large file took; `peak` in bytes."""

    lines: int
    bytes: int
    seconds: Seconds
    peak: int


def large_file(folder: Path, queries: int) -> Large:
    """Score a run of 1,000 documents a query over a corpus of a million; time and the peak of resident memory."""
    rng, path, qrels = np.random.default_rng(1), folder / "large.run", folder / "large.qrels"
    with path.open("w") as file, qrels.open("w") as judged:
        for query in range(queries):
            documents = rng.choice(1_000_000, 1000, replace=False).tolist()
            scores = np.sort(rng.normal(10, 3, 1000))[::-1].tolist()
            lines = enumerate(zip(documents, scores, strict=True), 1)
            file.writelines(f"q{query} Q0 doc-{d:09} {rank} {score:.6f} made\n" for rank, (d, score) in lines)
            judged.writelines(f"q{query} 0 doc-{d:09} {1 + d % 3}\n" for d in documents[::50])
    command = [sys.executable, "-c", MEMORY, "score", str(qrels), str(path), "-m", "nDCG@10", "-m", "R@100"]
    seconds, done = timed(lambda: subprocess.run(command, capture_output=True, text=True, check=True))
    return Large(queries * 1000, path.stat().st_size, seconds, int(done.stderr.splitlines()[-1]) * 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=5000, help="queries of the large file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, known, qrels, found = made(asked.queries, asked.depth)
        said = from_arrays(run, known, qrels, found, folder, asked.rounds)
        paths = write_files(folder, qrels, found)
        del qrels, found
        said["from files"] = from_files(*paths, max(1, asked.rounds // 2))
        said["large file"] = large_file(folder, asked.files)
    print(f"{asked.queries:,} queries, {asked.depth:,} deep, {len(MEASURES)} measures")
    for part in ("from arrays", "from files"):
        print(f"{part:<28} {'clock s':>9} {'CPU s':>9} {'ratio':>9} {'of CPU':>9}")
        times = said[part]
        base = next(iter(times))
        for name, some in times.items():
            ratio = [there / ours for there, ours in zip(some, times[base], strict=True)]
            print(f"  {name:<26} {some.clock:>9.3f} {some.processor:>9.3f} {ratio[0]:>9.1f} {ratio[1]:>9.1f}")
    print(f"largest difference to pytrec_eval: {said['worst']:.1e}")
    large = said["large file"]
    print(f"harness score, {large.lines:,} lines, {large.bytes / 1e6:,.0f} MB: {large.seconds.clock:.1f} s,", end=" ")
    print(f"{large.seconds.processor:.1f} s CPU, {large.peak / 1e9:.2f} GB resident at most")


if __name__ == "__main__":
    main()
