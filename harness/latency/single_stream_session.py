"""A session of the mode `single`: randomised complete blocks in which every query goes through all systems.

In a block, each query goes through all systems, and a second time through the reference, in an order drawn from the
seed, so whatever else the machine does affects all systems alike. A system whose laps are short first answers the
previous query once more, uncounted; otherwise it would find the caches as other systems left them, and not as in a
stream of its own queries. The rule for stopping looks at the widths of the intervals and never at their positions, so
looking often does not produce spurious differences.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from harness.latency.noise import Noise, involuntary_switches, noise_between, read_counters
from harness.latency.opened_system import OpenedSystem
from harness.latency.sampling import blocks_of, choose_queries
from harness.results import LATENCY_SCHEMA
from harness.results.laps import RATIO_CONFIDENCE
from harness.statistics.block_bootstrap import Estimate, paired_ratio
from harness.suite.latency import Latency

BLOCK = 10
"""The number of queries in a block."""
MIN_BLOCKS = 20
"""The number of blocks before the first look at the intervals; if laps are slow, smaller blocks fit the budget."""
GROWTH = 1.25
"""The factor by which the number of blocks grows from one look to the next."""
WARM_UP_QUERIES, WARM_UP_SECONDS = 20, 2.0
"""The least that the warm-up does before any lap counts."""
WARM_WITHIN = 0.05
"""A system is warm when a pass over the same queries takes as long as the previous one, within this share."""
WARM_UP_CAP_SECONDS, WARM_UP_CAP_SHARE = 30.0, 0.25
"""The most that the warm-up takes: in seconds, and as a share of the budget."""
SHORT_LAP_NS = 10_000_000
"""A lap below this is short: refilling a processor's caches, well under a millisecond, would show in it."""
Clock = Callable[[], float]
"""Returns the time in seconds."""


class Arm(NamedTuple):
    """A system and its part in the session: "" for the system itself, "again" for the reference's second arm."""

    opened: OpenedSystem
    name: str = ""


class WarmUp(NamedTuple):
    """How the warm-up went: `stopped` is "steady" or "cap"."""

    laps: int
    seconds: float
    stopped: str


@dataclass
class Trace:
    """The laps of one arm, in the order of time."""

    ns: list[int] = field(default_factory=list)
    spans: list[tuple[int, ...]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    """The position of each lap in its block."""
    switches: list[int | None] = field(default_factory=list)
    """The involuntary context switches during each lap."""


class Session:
    """One measurement of some arms, the last of which is the reference again; it keeps every lap."""

    def __init__(self, arms: Sequence[Arm], settings: Latency, clock: Clock) -> None:
        self.arms, self.settings, self.clock = arms, settings, clock
        self.started = clock()
        self.random = np.random.default_rng(settings.seed)
        self.queries = arms[0].opened.queries
        self.chars = np.array([len(text) for text in self.queries.texts], dtype=np.int32)
        self.rows = choose_queries(self.queries.texts, settings.queries, self.random)
        self.traces = [Trace() for _ in arms]
        self.reference = next(t for t, arm in zip(self.traces, arms, strict=True) if arm.opened is arms[-1].opened)
        self.queries_asked: list[int] = []
        """The query row of each visit; a visit is one query on its way through all arms."""
        self.blocks: list[int] = []
        """The block of each visit."""
        self.noise: list[Noise] = []
        """The state of the machine during each block."""
        self.typical_ns = np.zeros(len(arms))
        """The mean lap of each arm in the last pass of the warm-up, in ns."""

    def warm_up(self) -> WarmUp:
        """Repeat passes over the same queries of all lengths until every arm takes as long as in the previous pass."""
        rows = self.rows[np.linspace(0, len(self.rows) - 1, min(WARM_UP_QUERIES, len(self.rows))).astype(int)]
        cap = min(WARM_UP_CAP_SECONDS, WARM_UP_CAP_SHARE * self.settings.seconds)
        previous: np.ndarray | None = None
        visits, stopped = 0, ""
        while not stopped:
            times = np.full((len(self.arms), len(rows)), np.nan)
            for column, query in enumerate(rows.tolist()):
                for place in self._order():
                    times[place, column] = self.arms[place].opened.lap(query).ns
                visits += 1
                if self.clock() - self.started >= cap:
                    stopped = "cap"
                    break
            else:
                enough = visits >= WARM_UP_QUERIES and self.clock() - self.started >= WARM_UP_SECONDS
                if enough and previous is not None and is_steady(previous, times):
                    stopped = "steady"
                previous = times
        self.typical_ns = np.nanmean(times, axis=1)
        return WarmUp(visits * len(self.arms), self.clock() - self.started, stopped)

    def measure(self) -> str:
        """Measure block after block; return "interval" if every ratio became narrow enough, else "budget"."""
        deadline, next_look = self.started + self.settings.seconds, MIN_BLOCKS
        visit_ns = (self.typical_ns * np.where(self.typical_ns < SHORT_LAP_NS, 2, 1)).sum()
        fits = (deadline - self.clock()) / (MIN_BLOCKS * float(visit_ns) / 1e9)
        for rows in blocks_of(self.rows, max(1, min(BLOCK, int(fits))), self.random):
            self._measure_block(rows, deadline)
            done = len(self.noise)
            if self.clock() >= deadline:
                break
            if done >= next_look and len(self.queries_asked) >= len(self.rows):
                next_look = math.ceil(done * GROWTH)
                others = (trace for trace in self.traces if trace is not self.reference)
                if all(self.ratio(trace).half_width <= self.settings.within for trace in others):
                    return "interval"
        return "budget"

    def ratio(self, trace: Trace) -> Estimate:
        """Compare an arm with the reference, over all laps so far."""
        times, reference = (np.array(each.ns) for each in (trace, self.reference))
        return paired_ratio(times, reference, np.array(self.blocks), RATIO_CONFIDENCE)

    def interrupted(self) -> dict[str, float]:
        """Return for each system the share of laps in which the process was forced off a processor."""
        own = [(arm.opened.system, trace) for arm, trace in zip(self.arms, self.traces, strict=True) if not arm.name]
        return {name: round(float(np.mean([bool(count) for count in trace.switches])), 3) for name, trace in own}

    def table(self) -> pa.Table:
        """Return all laps (LATENCY_SCHEMA), arm by arm in the order of time; the whole laps precede their stages."""
        queries, blocks = np.array(self.queries_asked), np.array(self.blocks, dtype=np.int32)
        noise = {name: [getattr(self.noise[block], name) for block in self.blocks] for name in Noise._fields}
        common = {
            "dataset": [self.arms[0].opened.dataset] * len(queries),
            "mode": ["single"] * len(queries),
            "query_id": self.queries.table["id"].take(pa.array(queries)),
            "query_chars": self.chars[queries],
            "block": blocks,
        }
        tables = []
        for arm, trace in zip(self.arms, self.traces, strict=True):
            names = {"system": [arm.opened.system] * len(queries), "arm": [arm.name] * len(queries)}
            own = names | {"order": trace.order, "switches": trace.switches}
            spans = np.array(trace.spans).T
            for stage, ns in ((None, trace.ns), *zip(arm.opened.stage_names, spans, strict=True)):
                column = pa.array([stage] * len(queries), pa.large_string())
                columns = common | noise | own | {"stage": column, "ns": ns}
                tables.append(pa.table({name: columns[name] for name in LATENCY_SCHEMA.names}).cast(LATENCY_SCHEMA))
        return pa.concat_tables(tables)

    def _measure_block(self, rows: Sequence[int], deadline: float) -> None:
        """Visit some queries; at the deadline the block ends early, but never within a visit."""
        gc.collect()
        before, position = read_counters(), 0
        for previous, query in pairwise([rows[-1], *rows]):
            for place in self._order():
                trace, opened = self.traces[place], self.arms[place].opened
                if self.typical_ns[place] < SHORT_LAP_NS:
                    opened.lap(previous)
                switched = involuntary_switches()
                lap = opened.lap(query)
                after = involuntary_switches()
                trace.ns.append(lap.ns)
                trace.spans.append(lap.spans)
                trace.order.append(position)
                trace.switches.append(None if switched is None or after is None else after - switched)
                position += 1
            self.queries_asked.append(query)
            self.blocks.append(len(self.noise))
            if self.clock() >= deadline:
                break
        self.noise.append(noise_between(before, read_counters()))

    def _order(self) -> list[int]:
        order: list[int] = self.random.permutation(len(self.arms)).tolist()
        return order


def is_steady(before: np.ndarray, after: np.ndarray) -> bool:
    """Return whether every arm took as long as before, by the median ratio over queries; both are ns[arms, queries]."""
    moved = np.median(np.log(after / before), axis=1)
    return bool((np.abs(moved) <= math.log1p(WARM_WITHIN)).all())
