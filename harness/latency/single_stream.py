"""The mode `single`: one query at a time, end to end, in randomised complete blocks that visit every system alike.

In a block each query goes through all systems, and once more through the reference, in an order drawn from the seed:
whatever the machine does meanwhile, it does to all of them. A system whose laps are short answers the query before once
more, uncounted: else it would find the caches as others left them, and not as in a stream of its own. Measuring stops
by a rule that looks at the width of the intervals and never at where they lie, so that looking often finds no more
differences than there are.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.latency.bench import Bench
from harness.latency.isolation import garbage_collection_off, pinned_threads
from harness.latency.noise import Noise, between, read_counters, switches
from harness.latency.opened_system import OpenedSystem
from harness.latency.sampling import blocks_of, choose_queries
from harness.results import LATENCY_SCHEMA
from harness.results.laps import AGAIN, RATIO_CONFIDENCE, figures
from harness.results.measured import Measured
from harness.statistics.block_bootstrap import Estimate, paired_ratio
from harness.suite.latency import Latency

BLOCK = 10
"""Queries of a block."""
LEAST_BLOCKS = 20
"""Before intervals are looked at; where queries are slow, blocks are shorter, so that as many fit into the budget."""
PATIENCE = 1.25
"""By what factor the blocks grow from look to look."""
WARM_QUERIES, WARM_SECONDS = 20, 2.0
"""The least that is done before anything counts."""
WARM_WITHIN = 0.05
"""A system is warm when a pass over the same queries takes as long as the last one, but for this share."""
WARM_MOST, WARM_SHARE = 30.0, 0.25
"""The most that is spent on it: seconds, and a share of the budget."""
SHORT_NS = 10_000_000
"""A lap below this is short: filling a processor's caches again, well under a millisecond, would be seen in it."""
Clock = Callable[[], float]


class Arm(NamedTuple):
    """A lane and the part it plays: "" for itself, "again" for the twin of the reference."""

    lane: OpenedSystem
    name: str = ""


class Warmth(NamedTuple):
    """How the warm-up went: `stopped` is "steady" or "cap"."""

    laps: int
    seconds: float
    stopped: str


@dataclass
class Trace:
    """What one arm did, lap by lap."""

    ns: list[int] = field(default_factory=list)
    spans: list[tuple[int, ...]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    switches: list[int | None] = field(default_factory=list)


def measure_single(bench: Bench, clock: Clock = time.perf_counter) -> Measured:
    """Time the lanes of a data set. The first of them, or the one that the suite names, is the reference.

    Raises LapFailed where a system does not answer.
    """
    reference = next((lane for lane in bench.lanes if lane.system == bench.words.reference), bench.lanes[0])
    arms = [*map(Arm, bench.lanes), Arm(reference, AGAIN)]
    with pinned_threads(bench.runtime.threads), garbage_collection_off():
        session = Session(arms, bench.words, clock)
        warmth = session.warm_up()
        stopped = session.measure()
    laps = session.table()
    lanes = {lane.system: lane for lane in bench.lanes}
    rows = list(figures(laps, reference.system, lanes))
    twin = session.ratio(session.traces[-1])
    wanted = bench.words.reference
    said = {
        "reference": reference.system,
        "in_place_of": wanted if wanted != reference.system else None,
        "seed": bench.words.seed,
        "queries": len(session.rows),
        "blocks": len(session.noise),
        "laps": len(session.asked),
        "warm_up": warmth._asdict(),
        "stopped": stopped,
        "noise_floor": _finite(twin.half_width),
        "inconclusive": not twin.low <= 1 <= twin.high,
        "interrupted": session.interrupted(),
        "again": {"ratio": twin.value, "low": _finite(twin.low), "high": _finite(twin.high)},
    }
    return Measured(rows, laps, said)


class Session:
    """One measurement of some arms, the last of which is the reference again: it asks, and keeps every lap."""

    def __init__(self, arms: Sequence[Arm], words: Latency, clock: Clock) -> None:
        self.arms, self.words, self.clock = arms, words, clock
        self.begun = clock()
        self.random = np.random.default_rng(words.seed)
        self.queries = arms[0].lane.queries
        self.chars = np.array([len(text) for text in self.queries.texts], dtype=np.int32)
        self.rows = choose_queries(self.queries.texts, words.queries, self.random)
        self.traces = [Trace() for _ in arms]
        self.reference = next(t for t, arm in zip(self.traces, arms, strict=True) if arm.lane is arms[-1].lane)
        self.asked: list[int] = []
        """The row of each visit: a visit is one query on its way through all arms."""
        self.blocks: list[int] = []
        """The block of each visit."""
        self.noise: list[Noise] = []
        """The machine in each block."""
        self.usual = np.zeros(len(arms))
        """Nanoseconds that a lap of each arm takes, as the warm-up found."""

    def warm_up(self) -> Warmth:
        """Pass over the same queries, which are of all lengths, until every arm takes as long as in the last pass."""
        rows = self.rows[np.linspace(0, len(self.rows) - 1, min(WARM_QUERIES, len(self.rows))).astype(int)]
        cap = min(WARM_MOST, WARM_SHARE * self.words.seconds)
        last: np.ndarray | None = None
        visits, stopped = 0, ""
        while not stopped:
            times = np.full((len(self.arms), len(rows)), np.nan)
            for column, asked in enumerate(rows.tolist()):
                for place in self._order():
                    times[place, column] = self.arms[place].lane.lap(asked).ns
                visits += 1
                if self.clock() - self.begun >= cap:
                    stopped = "cap"
                    break
            else:
                enough = visits >= WARM_QUERIES and self.clock() - self.begun >= WARM_SECONDS
                if enough and last is not None and is_steady(last, times):
                    stopped = "steady"
                last = times
        self.usual = np.nanmean(times, axis=1)
        return Warmth(visits * len(self.arms), self.clock() - self.begun, stopped)

    def measure(self) -> str:
        """Visit block after block; return "interval" where every ratio is known closely enough, else "budget"."""
        deadline, look = self.begun + self.words.seconds, LEAST_BLOCKS
        visit_seconds = float((self.usual * np.where(self.usual < SHORT_NS, 2, 1)).sum()) / 1e9
        fits = (deadline - self.clock()) / (LEAST_BLOCKS * visit_seconds)
        for rows in blocks_of(self.rows, max(1, min(BLOCK, int(fits))), self.random):
            self._block(rows, deadline)
            done = len(self.noise)
            if self.clock() >= deadline:
                break
            if done >= look and len(self.asked) >= len(self.rows):
                look = math.ceil(done * PATIENCE)
                others = (trace for trace in self.traces if trace is not self.reference)
                if all(self.ratio(trace).half_width <= self.words.within for trace in others):
                    return "interval"
        return "budget"

    def ratio(self, trace: Trace) -> Estimate:
        """Compare an arm with the reference, as far as it was measured."""
        times, reference = (np.array(one.ns) for one in (trace, self.reference))
        return paired_ratio(times, reference, np.array(self.blocks), RATIO_CONFIDENCE)

    def interrupted(self) -> dict[str, float]:
        """Return for each system the share of laps in which the process had to leave a processor to others."""
        arms = [(arm, trace) for arm, trace in zip(self.arms, self.traces, strict=True) if not arm.name]
        return {arm.lane.system: round(float(np.mean([bool(s) for s in t.switches])), 3) for arm, t in arms}

    def table(self) -> pa.Table:
        """Return all laps, arm by arm in the order of time, each lap before its stages (LATENCY_SCHEMA)."""
        asked, blocks = np.array(self.asked), np.array(self.blocks, dtype=np.int32)
        noise = {name: [getattr(self.noise[block], name) for block in self.blocks] for name in Noise._fields}
        common = {
            "dataset": [self.arms[0].lane.dataset] * len(asked),
            "mode": ["single"] * len(asked),
            "query_id": self.queries.table["id"].take(pa.array(asked)),
            "query_chars": self.chars[asked],
            "block": blocks,
        }
        tables = []
        for arm, trace in zip(self.arms, self.traces, strict=True):
            names = {"system": [arm.lane.system] * len(asked), "arm": [arm.name] * len(asked)}
            own = names | {"order": trace.order, "switches": trace.switches}
            spans = np.array(trace.spans).T
            for stage, ns in ((None, trace.ns), *zip(arm.lane.stages, spans, strict=True)):
                columns = common | noise | own | {"stage": pa.array([stage] * len(asked), pa.large_string()), "ns": ns}
                tables.append(pa.table({name: columns[name] for name in LATENCY_SCHEMA.names}).cast(LATENCY_SCHEMA))
        return pa.concat_tables(tables)

    def _block(self, rows: Sequence[int], deadline: float) -> None:
        """Visit some queries; the last block may be shorter, but no visit is."""
        gc.collect()
        before, position = read_counters(), 0
        for last, asked in pairwise([rows[-1], *rows]):
            for place in self._order():
                trace, lane = self.traces[place], self.arms[place].lane
                if self.usual[place] < SHORT_NS:
                    lane.lap(last)
                switched = switches()
                lap = lane.lap(asked)
                after = switches()
                trace.ns.append(lap.ns)
                trace.spans.append(lap.spans)
                trace.order.append(position)
                trace.switches.append(None if switched is None or after is None else after - switched)
                position += 1
            self.asked.append(asked)
            self.blocks.append(len(self.noise))
            if self.clock() >= deadline:
                break
        self.noise.append(between(before, read_counters()))

    def _order(self) -> list[int]:
        order: list[int] = self.random.permutation(len(self.arms)).tolist()
        return order


def is_steady(before: np.ndarray, after: np.ndarray) -> bool:
    """Tell whether every arm took as long as before: float[arms, queries], the median over queries of the ratios."""
    moved = np.median(np.log(after / before), axis=1)
    return bool((np.abs(moved) <= math.log1p(WARM_WITHIN)).all())


def _finite(number: float) -> float | None:
    """Return a number that JSON can hold."""
    return number if math.isfinite(number) else None
