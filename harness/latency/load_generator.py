"""An open loop: workers answer a schedule, and each response time counts from the scheduled arrival.

There is no dispatcher thread: a free worker takes the next request of the schedule and waits until it is due. Requests
are therefore served first come, first served, as from one queue, and no dispatcher adds delay between a request's
scheduled time and its answer. If a request waits because all workers are busy or stalled, that wait is part of its
response time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np

ANSWERED, FAILED, TIMED_OUT = 0, 1, 2
"""The outcomes of a request."""
SPIN_NS = 200_000
"""How long before a request is due a worker stops sleeping and watches the clock: sleepers wake about this late."""

Answer = Callable[[int], object]
"""Answers the query of a row; whatever it raises is a failed request."""


class Schedule(NamedTuple):
    """Which queries arrive when."""

    rows: np.ndarray
    """The row of each request's query: int64[requests]."""
    due: np.ndarray
    """When each request arrives, in ns from the start: int64[requests], ascending."""
    timeout_ns: int
    bound_ns: int = 0
    max_above: int | None = None
    """The schedule ends early once more responses than this exceeded `bound_ns` or failed; None: it never does."""


class Responses(NamedTuple):
    """What became of the requests of a schedule, in its order; of the first ones only if it ended early."""

    ns: np.ndarray
    """Scheduled arrival to answer: int64[requests]. A request that failed or timed out counts as the time-out."""
    late_ns: np.ndarray
    """The part that the generator added: int64[requests], from the moment when the request was due and a worker free to
    the moment when work on it began."""
    outcome: np.ndarray
    """ANSWERED, FAILED or TIMED_OUT: int8[requests]."""
    error: str | None
    """The message of the first failed request; None if none failed."""


class Completed(NamedTuple):
    """One request that a worker has finished; `number` is its position in the schedule."""

    number: int
    ns: int
    late_ns: int
    outcome: int
    error: str | None


class Clock(Protocol):
    """A clock in nanoseconds that one can wait for."""

    def now(self) -> int:
        """Return the time."""

    def wait(self, until: int) -> None:
        """Return at the given time, or at once if it is past."""


class WallClock:
    """The monotonic clock of the machine, which all its processes share."""

    def now(self) -> int:
        """Return the time in ns."""
        return time.perf_counter_ns()

    def wait(self, until: int) -> None:
        """Sleep until shortly before the time, then watch the clock and yield the processor to other threads."""
        rest = until - time.perf_counter_ns() - SPIN_NS
        if rest > 0:
            time.sleep(rest / 1e9)
        while time.perf_counter_ns() < until:
            time.sleep(0)


class RequestQueue:
    """The queue from which all workers take the requests of one schedule.

    `counts` holds the number of the next request and how many responses were above the bound. All workers share it
    under `lock`.
    """

    def __init__(self, schedule: Schedule, counts: Any, lock: AbstractContextManager[Any]) -> None:
        self.schedule, self.counts, self.lock = schedule, counts, lock

    def take(self) -> int | None:
        """Return the number of the next request; None when the schedule has ended."""
        max_above = self.schedule.max_above
        with self.lock:
            number, above = self.counts
            if number == len(self.schedule.due) or (max_above is not None and above > max_above):
                return None
            self.counts[0] = number + 1
        return int(number)

    def settle(self, ns: int, outcome: int) -> None:
        """Record how a request ended."""
        if outcome != ANSWERED or ns > self.schedule.bound_ns:
            with self.lock:
                self.counts[1] += 1


def serve_queue(answer: Answer, queue: RequestQueue, start: int, clock: Clock) -> list[Completed]:
    """Answer requests as one worker until the schedule, which begins at `start`, has ended.

    A request that has waited until its time-out is not worked on, since its caller has left. A request that is answered
    after its time-out has timed out all the same.
    """
    completed, schedule = [], queue.schedule
    while (number := queue.take()) is not None:
        free, due = clock.now(), start + int(schedule.due[number])
        clock.wait(due)
        begun, outcome, message = clock.now(), ANSWERED, None
        if begun - due < schedule.timeout_ns:
            try:
                answer(int(schedule.rows[number]))
            except Exception as error:  # whatever a stage raises is a failed request, and the next one is served
                outcome, message = FAILED, f"{type(error).__name__}: {error}"
        took = clock.now() - due
        if outcome == ANSWERED and took >= schedule.timeout_ns:
            outcome = TIMED_OUT
        queue.settle(took, outcome)
        ns = took if outcome == ANSWERED else schedule.timeout_ns
        completed.append(Completed(number, ns, begun - max(due, free), outcome, message))
    return completed


def in_schedule_order(parts: Iterable[list[Completed]]) -> Responses:
    """Combine the requests that the workers completed, in the order of the schedule."""
    completed = sorted((each for part in parts for each in part), key=lambda each: each.number)
    return Responses(
        np.array([each.ns for each in completed], np.int64),
        np.array([each.late_ns for each in completed], np.int64),
        np.array([each.outcome for each in completed], np.int8),
        next((each.error for each in completed if each.error is not None), None),
    )
