"""Check that latency comparisons can be trusted: equal systems show no difference, and a 10 % slow-down is found.

    python benchmarks/aa_ab.py             40 measurements of each kind, some ten minutes
    python benchmarks/aa_ab.py --quick     6 of each kind

A/A compares two identical systems. A/B compares a system with one that takes 10 % longer, all of it in the first stage;
every stage does a number of units of the same work. Half of the measurements run while other processes use every core
in bursts. A difference is reported if the interval of the ratio lies beyond the noise floor of the measurement and the
measurement is not inconclusive. The exit status is 1 if more than 2 of 40 A/A measurements report a difference, if
fewer than 38 of 40 A/B measurements do, or if fewer than 36 of 40 intervals cover the planted ratio.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from harness.artifacts.index import Index
from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Texts
from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.latency.bench import Bench
from harness.latency.opener import open_systems
from harness.latency.single_stream import measure_single
from harness.plan import Plan
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Encoder, Indexer, Runtime, Searcher
from harness.statistics.block_bootstrap import Estimate, told_apart
from harness.store import Store
from harness.suite.latency import Latency

PLANTED = 1.10
"""The true ratio of the slower system."""
UNIT = bytes(4096)
"""A unit of work is the SHA-256 of these bytes: a few us of arithmetic, independent of where they are in memory."""
SUITE = """
name: aa-ab
datasets: {{notes: {{source: beir, path: notes, split: test}}}}
measures: [RR@10]
depth: 10
systems:
  one: [{{encode: work, units: {encode}}}, {{index: work, units: {search}}}]
  same: [{{encode: work, units: {encode}}}, {{index: work, units: {search}}}]
  slower: [{{encode: work, units: {slower}}}, {{index: work, units: {search}}}]
"""
BURSTS = """
import random, sys, time
draw = random.Random(int(sys.argv[1]))
while True:
    end = time.monotonic() + draw.uniform(0.05, 0.5)
    while time.monotonic() < end:
        pass
    time.sleep(draw.uniform(0.05, 0.5))
"""


def work(units: int) -> Callable[[], None]:
    """Return a function that does so many units of work."""

    def call() -> None:
        for _ in range(units):
            hashlib.sha256(UNIT)

    return call


@STAGES.register("encode/work")
class WorkEncoder(Encoder):
    """Do some work, and return the same vector for every text."""

    uses_model: ClassVar[bool] = False
    units: int

    def open(self, runtime: Runtime, model: Model | None) -> Callable[[Texts], Vectors]:
        """Return a call that works once, however many texts it receives."""
        del runtime, model
        call = work(self.units)

        def encode(texts: Texts) -> Vectors:
            call()
            return Vectors(np.ones((len(texts), 4), np.float32), texts.rows)

        return encode


@STAGES.register("index/work")
class WorkIndexer(Indexer):
    """Keep the vectors as they are."""

    def open(self, runtime: Runtime) -> Callable[[Vectors], Index]:
        """Return a call that keeps the vectors."""
        del runtime
        return lambda vectors: Index({"vectors": vectors.array}, {})


@STAGES.register("search/work")
class WorkSearcher(Searcher):
    """Do some work, and return the first document for every query."""

    units: int

    def open(self, runtime: Runtime, index: Index) -> Callable[[Vectors], Run]:
        """Return a call that works once, however many queries it receives."""
        del runtime, index
        call = work(self.units)

        def search(queries: Vectors) -> Run:
            call()
            shape = (len(queries), 1)
            return Run(np.zeros(shape, np.int32), np.ones(shape, np.float32), queries.rows)

        return search


class Comparison(NamedTuple):
    """The result of one measurement: its second system against its first."""

    ratio: Estimate
    floor: float
    inconclusive: bool
    blocks: int

    @property
    def reported(self) -> bool:
        """Whether the measurement reports a difference."""
        return not self.inconclusive and told_apart(self.ratio, self.floor)


@contextmanager
def bursts(seed: int) -> Iterator[None]:
    """Use every core in bursts of 50 to 500 ms, with pauses of 50 to 500 ms."""
    command = [sys.executable, "-c", BURSTS]
    burners = [subprocess.Popen([*command, str(seed + core)]) for core in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def prepare(folder: Path, units: int) -> tuple[Plan, Store]:
    """Write a collection with 100 queries and the suite, and make its runs."""
    notes = folder / "notes"
    (notes / "qrels").mkdir(parents=True)
    texts = [json.dumps({"_id": f"{i:03}", "text": "word " * (1 + i % 17) + str(i)}) for i in range(100)]
    (notes / "corpus.jsonl").write_text("\n".join(texts[:20]) + "\n")
    (notes / "queries.jsonl").write_text("\n".join(texts) + "\n")
    lines = ["query-id\tcorpus-id\tscore", *(f"{i:03}\t{i % 20:03}\t1" for i in range(100))]
    (notes / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    half = units // 2
    suite = folder / "suite.yaml"
    suite.write_text(SUITE.format(encode=half, search=units - half, slower=half + round(units * (PLANTED - 1))))
    plan, store = prepare_plan(suite, None, None, folder / "store", "cpu", fetch=True)
    outcome = execute(plan, store, Runtime(), Silent())
    if outcome.failed:
        raise RuntimeError(str(outcome.failed))
    return plan, store


def measure(plan: Plan, store: Store, second: str, seed: int, seconds: float) -> Comparison:
    """Open two systems anew and compare them as a suite would."""
    targets = tuple(target for target in plan.targets if target.system in ("one", second))
    systems, _ = open_systems(plan, targets, store, Runtime())
    settings = Latency(seconds=seconds, seed=seed)
    measured = measure_single(Bench(plan, store, Runtime(), settings, "notes", targets, tuple(systems)))
    row = next(row for row in measured.rows if row.quantity == "latency_ratio")
    value, low, high = (math.nan if number is None else number for number in (row.value, row.low, row.high))
    ratio = Estimate(value, low, high, row.n or 0)
    facts: dict[str, Any] = dict(measured.facts)
    return Comparison(ratio, facts["noise_floor"] or np.inf, facts["inconclusive"], facts["blocks"])


def line(title: str, comparisons: list[Comparison], true: float) -> str:
    """Return the row of the table for one kind of measurement under one condition."""
    covers = sum(each.ratio.low <= true <= each.ratio.high for each in comparisons)
    median = {
        name: statistics.median(values)
        for name, values in {
            "ratio": [each.ratio.value for each in comparisons],
            "half": [each.ratio.half_width for each in comparisons],
            "floor": [each.floor for each in comparisons],
        }.items()
    }
    reported, inconclusive = (sum(getattr(each, name) for each in comparisons) for name in ("reported", "inconclusive"))
    counts = f"{len(comparisons):>12} {reported:>9} {covers:>7} {inconclusive:>13}"
    ratios = [each.ratio.value for each in comparisons]
    spread = f"{min(ratios):.4f} … {max(ratios):.4f}"
    numbers = f"{median['ratio']:>8.4f} {spread:>19} {median['half']:>11.2%} {median['floor']:>11.2%}"
    return f"{title:<12} {counts} {numbers}"


def main() -> None:
    """Measure, print the table, and compare it with what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="6 measurements of each kind instead of 40")
    parser.add_argument("--units", type=int, default=600, help="work in a lap of the reference  [default: 600]")
    parser.add_argument("--seconds", type=float, default=12, help="budget of a measurement  [default: 12]")
    options = parser.parse_args()
    count = 6 if options.quick else 40
    comparisons: dict[tuple[str, str], list[Comparison]] = {}
    with tempfile.TemporaryDirectory() as name:
        plan, store = prepare(Path(name), options.units)
        for number in range(count):
            for kind, second in (("A/A", "same"), ("A/B", "slower")):
                condition = "bursts" if number % 2 else "quiet"
                if number % 2:
                    with bursts(number):
                        comparison = measure(plan, store, second, number, options.seconds)
                else:
                    comparison = measure(plan, store, second, number, options.seconds)
                comparisons.setdefault((kind, condition), []).append(comparison)
                value, low, high, _ = comparison.ratio
                result = f"{value:.4f} [{low:.4f}, {high:.4f}], {comparison.blocks} blocks"
                print(f"{number + 1:>3} {kind} {condition:<7} {result}", file=sys.stderr, flush=True)
    print(
        f"{'':<12} measurements  reported  covers  inconclusive  "
        f"{'median':>6} {'lowest … highest':>19} {'half-width':>11} {'noise floor':>11}"
    )
    totals = {}
    for kind, true in (("A/A", 1.0), ("A/B", PLANTED)):
        for condition in ("quiet", "bursts"):
            print(line(f"{kind} {condition}", comparisons[kind, condition], true))
        totals[kind] = [each for condition in ("quiet", "bursts") for each in comparisons[kind, condition]]
    alarms, reports = (sum(each.reported for each in totals[kind]) for kind in ("A/A", "A/B"))
    covered = sum(each.ratio.low <= PLANTED <= each.ratio.high for each in totals["A/B"])
    print(f"\n{alarms} false alarms in {count}; {reports} of {count} slow-downs reported; {covered} of {count} covered")
    sys.exit(not (alarms <= 0.05 * count and reports >= 0.95 * count and covered >= 0.9 * count))


if __name__ == "__main__":
    main()
