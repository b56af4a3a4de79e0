"""Index recall is part of what an approximate search owes, without a word in the suite, and reaches every file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.results import Results

pytest.importorskip("faiss")
Harness = Callable[..., "subprocess.CompletedProcess[str]"]
SYSTEMS = """
  bm25: [{index: bm25}]
  flat: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: flat, similarity: dot}]
  hnsw: [{encode: hashing, dim: 64}, {reduce: truncate, dim: 32}, {index: hnsw, similarity: dot}]
  binary: [{encode: hashing, dim: 64}, {index: binary}]
  again: [{from: hnsw}]
  hybrid: [{fuse: rrf, of: [bm25, binary]}]
  several: [{fuse: rrf, of: [hnsw, binary]}]
"""


@pytest.fixture
def results(harness: Harness, write_suite: Callable[..., Path], tmp_path: Path) -> Results:
    done = harness("run", write_suite(SYSTEMS))
    assert done.returncode == 0, done.stderr
    assert "index recall@10" in done.stdout + done.stderr and "in memory" in done.stdout + done.stderr
    return Results.load(next((tmp_path / "results" / "toy").iterdir()))


def test_it_is_measured_where_one_search_is_approximate(results: Results, harness: Harness, tmp_path: Path) -> None:
    owed = {row.system for row in results.measurements if row.quantity == "index_recall@10"}
    assert owed == {"hnsw", "binary", "again", "hybrid"}
    assert results.value("toy", "hnsw", "index_recall@10") == 1.0, "60 documents lie within one beam"
    assert 0 < (results.value("toy", "binary", "index_recall@20") or 0) < 1
    assert results.value("toy", "hybrid", "index_recall@10") == results.value("toy", "binary", "index_recall@10")
    kept = results.per_query().filter(pytest.importorskip("pyarrow.compute").field("quantity") == "index_recall@20")
    assert set(kept["system"].to_pylist()) == owed and kept.num_rows == 4 * 12
    bits = results.value("toy", "binary", "index_memory_bytes")
    assert bits == 60 * 64 / 8, "a bit a dimension"
    assert (results.value("toy", "binary", "index_bytes") or 0) >= bits
    built = {row.stage for row in results.measurements if row.quantity == "build_seconds"}
    assert {"index/hnsw", "index/binary"} <= built
    assert harness("verify", results.folder).returncode == 0
    assert harness("report", results.folder, "--out", tmp_path / "out").returncode == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "index recall@10 and bytes per vector" in page
    assert "Index recall: the share of" in (tmp_path / "out" / "report.md").read_text()


def test_exact_search_is_shared_with_the_flat_system(
    harness: Harness, write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    done = harness("plan", write_suite(SYSTEMS), "--json")
    nodes = json.loads(done.stdout)["stages"]
    flat = [node for node in nodes if node["stage"] == "index/flat"]
    assert len(flat) == 2, "one of 32 dimensions by dot, which is the system's too, and one of 64 by cosine"
