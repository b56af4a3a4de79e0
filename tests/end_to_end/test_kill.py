"""`kill -9` at any moment: a killed run loses at most the chunk in hand and never leaves a wrong artifact."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PLUGIN = '''
import time
from collections.abc import Callable
from harness.registry import STAGES
from harness.stages.encode.hashing import HashingEncoder

@STAGES.register("encode/slow")
class Slow(HashingEncoder):
    """Hashing that takes its time over every eighth row."""
    chunk_rows = 8

    def open(self, runtime, model=None) -> Callable:
        encode = super().open(runtime, model)
        def slowly(texts):
            time.sleep(0.15)
            return encode(texts)
        return slowly
'''
SYSTEMS = """
  slow: [{encode: slow, dim: 32}, {index: flat, similarity: cosine}]
  bm25: [{index: bm25}]
  both: [{fuse: rrf, of: [bm25, slow]}]
"""
KILLS = 20


def begin(folder: Path, suite: Path, store: Path, results: Path) -> subprocess.Popen[bytes]:
    words = ["run", suite, "--store", store, "--results", results, "--reports", folder / "reports"]
    command = [sys.executable, "-m", "harness", *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)


def content(store: Path) -> dict[str, bytes]:
    """Every data file of every artifact."""
    files = (path for path in (store / "artifacts").rglob("*") if path.is_file() and path.name != "costs.jsonl")
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


def numbers(results: Path) -> dict[str, bytes]:
    """What a result says that does not depend on the clock."""
    folder = max((results / "toy").glob("[0-9]*"))
    files = [*folder.rglob("*.trec.gz"), folder / "per_query.parquet"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_twenty_kills_at_random_points(tmp_path: Path, write_suite: Callable[..., Path]) -> None:
    (tmp_path / "slow.py").write_text(PLUGIN)
    suite = write_suite(SYSTEMS, head="plugins: [slow.py]")
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    start = time.monotonic()
    assert begin(tmp_path, suite, quiet, tmp_path / "quiet-results").wait() == 0
    whole = time.monotonic() - start
    rng, kills = random.Random(11), 0
    while kills < KILLS:
        process = begin(tmp_path, suite, killed, tmp_path / "killed-results")
        try:
            process.wait(rng.uniform(0.1, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0
            assert content(killed) == content(quiet)
            shutil.rmtree(killed)
    assert begin(tmp_path, suite, killed, tmp_path / "killed-results").wait() == 0
    assert content(killed) == content(quiet)
    assert numbers(tmp_path / "killed-results") == numbers(tmp_path / "quiet-results")


def test_two_runs_at_once_share_the_work(tmp_path: Path, write_suite: Callable[..., Path]) -> None:
    (tmp_path / "slow.py").write_text(PLUGIN)
    suite = write_suite(SYSTEMS, head="plugins: [slow.py]")
    store = tmp_path / "shared"
    pair = [begin(tmp_path, suite, store, tmp_path / f"results-{i}") for i in range(2)]
    assert [process.wait() for process in pair] == [0, 0]
    costs = [path.read_text().splitlines() for path in store.rglob("costs.jsonl")]
    assert costs
    assert all(len(lines) == 1 for lines in costs)
    assert numbers(tmp_path / "results-0") == numbers(tmp_path / "results-1")
