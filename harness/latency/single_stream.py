"""The mode `single`: one query at a time, end to end, as in MLPerf inference's single stream."""

from __future__ import annotations

import math
import time
from typing import Any

from harness.execute.threads import thread_pools
from harness.latency.bench import Bench
from harness.latency.isolation import garbage_collection_off
from harness.latency.single_stream_session import Arm, Clock, Session
from harness.results.laps import AGAIN, figures
from harness.results.measured import Measured


def measure_single(bench: Bench, clock: Clock = time.perf_counter) -> Measured:
    """Time the systems of a data set. The reference is the system that the suite names, or else the first.

    Raises LapFailed if a system does not answer.
    """
    wanted = bench.settings.reference
    reference = next((opened for opened in bench.systems if opened.system == wanted), bench.systems[0])
    arms = [*map(Arm, bench.systems), Arm(reference, AGAIN)]
    with thread_pools(bench.runtime.threads), garbage_collection_off():
        session = Session(arms, bench.settings, clock)
        warm_up = session.warm_up()
        stopped = session.measure()
    laps = session.table()
    again = session.ratio(session.traces[-1])
    facts: dict[str, Any] = {
        "reference": reference.system,
        "in_place_of": wanted if wanted != reference.system else None,
        "seed": bench.settings.seed,
        "queries": len(session.rows),
        "blocks": len(session.noise),
        "laps": len(session.queries_asked),
        "warm_up": warm_up._asdict(),
        "stopped": stopped,
        "noise_floor": _finite(again.half_width),
        "inconclusive": not again.low <= 1 <= again.high,
        "interrupted": session.interrupted(),
        "again": {"ratio": again.value, "low": _finite(again.low), "high": _finite(again.high)},
    }
    return Measured(list(figures(laps, reference.system, bench.by_name)), laps, facts)


def _finite(number: float) -> float | None:
    """Return a number that JSON can hold: None for NaN and infinities."""
    return number if math.isfinite(number) else None
