"""Requests that come when they come: workers answer a schedule, and each response counts from its scheduled arrival.

There is no thread that sends: a worker that is free takes the next request of the schedule and waits until it is due.
The first come is so served by the first free, as from one queue, and nothing between schedule and answer adds a delay
of its own. A request that had to wait because all workers were busy, or stalled, has that wait in its response time.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from harness.errors import HarnessError
from harness.execute.threads import ThreadPools, thread_pools

ANSWERED, FAILED, TIMED_OUT = 0, 1, 2
LEAD_NS = 20_000_000
"""From the word to go to the start of a schedule, so that all workers stand ready."""
SPIN_NS = 200_000
"""Before a request is due a worker no longer sleeps but looks at the clock: a sleeper wakes late by about so much."""

Answer = Callable[[int], object]
"""Answers the query of a row; whatever it raises is a failed request."""


class Schedule(NamedTuple):
    """Which query is asked when: `rows` int64[requests], `due` int64[requests] in ns from the start, ascending.

    Where `most` is said, nobody asks any more once more than so many responses took longer than `bound_ns` or failed.
    """

    rows: np.ndarray
    due: np.ndarray
    timeout_ns: int
    bound_ns: int = 0
    most: int | None = None


class Responses(NamedTuple):
    """What became of the requests of a schedule, in its order; of the first of them, where it ended early.

    `ns` int64 is the time from the scheduled arrival to the answer, for a request that failed or was late the time-out.
    `late_ns` int64 is the part that the generator added: how long after the moment when the request was due and a
    worker free its work began. `outcome` int8 is ANSWERED, FAILED or TIMED_OUT.
    """

    ns: np.ndarray
    late_ns: np.ndarray
    outcome: np.ndarray
    error: str | None
    """What the first failure among those said that failed; None where none did."""


class Clock(Protocol):
    """Nanoseconds, and waiting for a moment."""

    def now(self) -> int:
        """Return the time."""

    def wait(self, until: int) -> None:
        """Return at a time, at once if it is past."""


class WallClock:
    """The clock of the machine, which its processes share."""

    def now(self) -> int:
        """Return the time in ns."""
        return time.perf_counter_ns()

    def wait(self, until: int) -> None:
        """Sleep until shortly before, then yield to whoever wants to work until it is time."""
        rest = until - time.perf_counter_ns() - SPIN_NS
        if rest > 0:
            time.sleep(rest / 1e9)
        while time.perf_counter_ns() < until:
            time.sleep(0)


class Workers(Protocol):
    """Workers that stand ready."""

    kind: str

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule, and return when the last of it is settled."""


class RequestQueue:
    """Where workers take requests in turn, and say which of them ended above the bound.

    `counts` are the number of the next request and how many were above, shared under `lock` by all that stand here.
    """

    def __init__(self, schedule: Schedule, counts: Any, lock: AbstractContextManager[Any]) -> None:
        self.schedule, self.counts, self.lock = schedule, counts, lock

    def take(self) -> int | None:
        """Return the number of the next request; None where there is none any more."""
        most = self.schedule.most
        with self.lock:
            number, above = self.counts
            if number == len(self.schedule.due) or (most is not None and above > most):
                return None
            self.counts[0] = number + 1
        return int(number)

    def settle(self, took_ns: int, outcome: int) -> None:
        """Note how a request ended."""
        if outcome != ANSWERED or took_ns > self.schedule.bound_ns:
            with self.lock:
                self.counts[1] += 1


def work(answer: Answer, desk: RequestQueue, start: int, clock: Clock) -> list[Any]:
    """Do a worker's part of a schedule that begins at `start`.

    A request that waited until its time-out is not worked on: whoever asked has left. One that is answered too late is
    a time-out all the same. Returns (number, response ns, late ns, outcome, error) of each.
    """
    done, schedule = [], desk.schedule
    while (number := desk.take()) is not None:
        free, due = clock.now(), start + int(schedule.due[number])
        clock.wait(due)
        begun, outcome, error = clock.now(), ANSWERED, None
        if begun - due < schedule.timeout_ns:
            try:
                answer(int(schedule.rows[number]))
            except (
                Exception
            ) as found:  # whatever a stage raises is a failed request, and the next one comes all the same
                outcome, error = FAILED, f"{type(found).__name__}: {found}"
        took = clock.now() - due
        if outcome == ANSWERED and took >= schedule.timeout_ns:
            outcome = TIMED_OUT
        desk.settle(took, outcome)
        ns = took if outcome == ANSWERED else schedule.timeout_ns
        done.append((number, ns, begun - max(due, free), outcome, error))
    return done


def in_schedule_order(parts: list[list[Any]]) -> Responses:
    """Put the parts of all workers into the order of the schedule."""
    found = sorted(row for part in parts for row in part)
    _, ns, late, outcome, errors = zip(*found, strict=True) if found else ((),) * 5
    arrays = (np.array(ns, np.int64), np.array(late, np.int64), np.array(outcome, np.int8))
    return Responses(*arrays, next((error for error in errors if error is not None), None))


class Threads:
    """Workers in this process, over one opened lane: for stages that leave Python's lock while they work.

    Each worker has thread pools of `threads` threads.
    """

    kind = "threads"

    def __init__(self, answer: Answer, workers: int, clock: Clock | None = None, *, threads: int = 1) -> None:
        self.answer, self.workers, self.clock, self.threads = answer, workers, clock or WallClock(), threads

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule, which starts when the thread pools of all workers are set."""
        desk, start = RequestQueue(schedule, [0, 0], threading.Lock()), [0]

        def set_start() -> None:
            start[0] = self.clock.now() + LEAD_NS

        ready = threading.Barrier(self.workers, set_start)

        def serve_part() -> list[Any]:
            with thread_pools(self.threads):
                ready.wait()
                return work(self.answer, desk, start[0], self.clock)

        with ThreadPoolExecutor(self.workers) as pool:
            parts = [pool.submit(serve_part) for _ in range(self.workers)]
            return in_schedule_order([part.result() for part in parts])


class Processes:
    """Workers in processes of their own, each with a lane that it opened itself. To be used with `with`.

    `opener` can be pickled, and gives what answers; each worker has thread pools of `threads` threads. HarnessError
    where a worker cannot open it, or dies.
    """

    kind = "processes"

    def __init__(self, opener: Callable[[], Answer], workers: int, *, threads: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self.counts = context.Array("q", 2)
        self.processes, self.ends = [], []
        for _ in range(workers):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(opener, threads, self.counts, there), daemon=True)
            process.start()
            there.close()
            self.processes.append(process)
            self.ends.append(here)

    def __enter__(self) -> Self:
        """Wait until all have opened their lane."""
        try:
            self._hear()
        except HarnessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Send all home."""
        for end in self.ends:
            end.close()
        for process in self.processes:
            process.join(timeout=5)
            process.kill()
            process.join()

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule."""
        self.counts[:] = [0, 0]
        start = time.perf_counter_ns() + LEAD_NS
        for end in self.ends:
            end.send((schedule, start))
        return in_schedule_order(self._hear())

    def _hear(self) -> list[Any]:
        found = []
        for end in self.ends:
            try:
                said = end.recv()
            except (EOFError, ConnectionError):
                raise HarnessError("a worker process of the server mode died") from None
            if isinstance(said, str):
                raise HarnessError(said)
            found.append(said)
        return found


def _serve(opener: Callable[[], Answer], threads: int, counts: Any, end: Connection) -> None:
    """Be a worker process: open, say so, and answer schedules until nobody is at the other end."""
    with thread_pools(threads) as pools:
        _answer_schedules(opener, pools, counts, end)


def _answer_schedules(opener: Callable[[], Answer], pools: ThreadPools, counts: Any, end: Connection) -> None:
    try:
        answer = opener()
        pools.update()
    except Exception as error:  # the other end says it, in its own words
        end.send(str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")
        return
    end.send([])
    while True:
        try:
            schedule, start = end.recv()
            end.send(work(answer, RequestQueue(schedule, counts, counts.get_lock()), start, WallClock()))
        except (EOFError, ConnectionError):
            return
