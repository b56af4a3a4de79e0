"""Measure what 24 dense variants, two lexical systems and four hybrids cost beyond the one encode they share.

    python benchmarks/sharing.py --data FOLDER      FOLDER is a BEIR collection, e.g. SciFact

From an empty store, in one run: the wall clock of all stages over that of the one encode and the two lexical indexes.
Then what a second run, another measure, another order and a change of each kind would make.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from harness.execute.local import execute
from harness.execute.outcome import Outcome
from harness.execute.progress import Silent
from harness.machine import default_device, threads
from harness.plan import Plan, make_plan
from harness.plan.dry_run import forecast
from harness.plan.leaves import find_leaves
from harness.stage import Runtime
from harness.store import Store
from harness.suite import load_suite

SYSTEMS = """
  bm25: [{index: bm25}]
  tfidf: [{index: tfidf}]
  "dense-{dim}-{similarity}-{depth}":
    matrix: {dim: [384, 256, 128, 64], similarity: [cosine, dot, euclidean], depth: [100, 200]}
    stages:
      - {encode: dense, model: minilm}
      - {reduce: truncate, dim: "{dim}"}
      - {index: flat, similarity: "{similarity}", depth: "{depth}"}
  rrf-10: [{fuse: rrf, of: [bm25, dense-384-cosine-100], k: 10}]
  rrf-60: [{fuse: rrf, of: [bm25, dense-384-cosine-100], k: 60}]
  minmax: [{fuse: weighted, of: [bm25, dense-384-cosine-100], weights: [0.5, 0.5], normalization: minmax}]
  zscore: [{fuse: weighted, of: [tfidf, dense-384-cosine-100], weights: [0.5, 0.5], normalization: zscore}]
"""
SUITE = """
name: sharing
datasets: {{data: {{source: beir, path: {data}, split: test}}}}
models: {{minilm: {{path: "bundled:all-MiniLM-L6-v2", prompts: {{query: "{prompt}"}}}}}}
measures: [{measures}]
systems:
{systems}
"""


def plan_of(
    folder: Path,
    store: Store,
    data: Path,
    *,
    measures: str = "nDCG@10, R@100",
    prompt: str = "",
    systems: str = SYSTEMS,
) -> Plan:
    """Write the suite and return its plan."""
    path = folder / "sharing.yaml"
    path.write_text(SUITE.format(data=data.resolve(), prompt=prompt, measures=measures, systems=systems))
    suite = load_suite(path, device=default_device())
    return make_plan(suite, find_leaves(suite.datasets, suite.models, suite.base, store, fetch=True))


def seconds_of_base(store: Store, outcome: Outcome, plan: Plan) -> float:
    """Add up what the encode of documents and queries and the two lexical indexes took, set-up included."""
    base = 0.0
    for node in plan.nodes:
        shared = node.stage.role == "encode" or (node.stage.role == "index" and node.stage.name in {"bm25", "tfidf"})
        if shared and node.fingerprint in outcome.made:
            base += store.costs(node.fingerprint)[-1].seconds
    return base


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name), Store(Path(name) / "store")
        plan = plan_of(folder, store, data)
        runtime = Runtime(default_device(), threads())
        start = time.perf_counter()
        outcome = execute(plan, store, runtime, Silent())
        whole = time.perf_counter() - start
        base = seconds_of_base(store, outcome, plan)
        print(f"{len(plan.targets)} systems, {plan.requested} stages asked for, {len(outcome.made)} made")
        print(f"all stages {whole:.1f} s; one encode and two lexical indexes {base:.1f} s; ratio {whole / base:.3f}")
        print("\nwhat would be made, from the full store:")
        changes = {
            "nothing changed": plan_of(folder, store, data),
            "a measure added": plan_of(folder, store, data, measures="RR@10, nDCG@10, R@100"),
            "systems reordered": plan_of(folder, store, data, systems="\n".join(_reordered())),
            "the query prompt": plan_of(folder, store, data, prompt="query: "),
            "k1 of BM25": plan_of(folder, store, data, systems=SYSTEMS.replace("index: bm25", "index: bm25, k1: 1.2")),
        }
        for change, other in changes.items():
            made = [p for p in forecast(other, store) if p.state == "made"]
            roles = ", ".join(f"{count} {role}" for role, count in Counter(p.node.stage.role for p in made).items())
            print(f"  {change:<18} {len(made):>3}  {roles}  {'; '.join(sorted({p.why for p in made}))}")


def _reordered() -> list[str]:
    """Put the first two systems last."""
    lines = SYSTEMS.strip("\n").splitlines()
    return lines[2:] + lines[:2]


if __name__ == "__main__":
    main()
