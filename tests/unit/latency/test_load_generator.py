"""A schedule is answered as a queue answers it, whoever stalls; what fails or is late counts, at the time-out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.latency.arrivals import poisson
from harness.latency.load_generator import ANSWERED, FAILED, TIMED_OUT, Answer, Responses, Schedule
from harness.latency.worker_pools import Processes, Threads

MS = 1_000_000
NEVER = 1 << 60


class FakeClock:
    """Time passes only where somebody waits or works."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time

    def wait(self, until: int) -> None:
        self.time = max(self.time, until)

    def work(self, ns: int) -> None:
        self.time += ns


def schedule(due_ms: list[float], timeout_ms: float = 1e6) -> Schedule:
    due = (np.array(due_ms) * MS).astype(np.int64)
    return Schedule(np.arange(len(due)), due, int(timeout_ms * MS))


def served(requests: Schedule, *took_ms: float) -> Responses:
    """Serve with one worker that takes so long for each row."""
    clock = FakeClock()
    return Threads(lambda row: clock.work(int(took_ms[row] * MS)), 1, clock).serve(requests)


def test_a_response_counts_from_the_scheduled_arrival() -> None:
    found = served(schedule([0, 10, 20, 90]), 35, 5, 5, 5)
    assert (found.ns / MS).tolist() == [35, 30, 25, 5], "the second and the third waited for the first"
    assert found.late_ns.tolist() == [0, 0, 0, 0]
    assert found.outcome.tolist() == [ANSWERED] * 4
    assert found.error is None


def test_responses_are_those_of_a_queue() -> None:
    # Lindley's recursion: a request waits for what the one before it had left when it came
    rng = np.random.default_rng(0)
    due, took = poisson(80, 500, seed=1), rng.integers(1, 25 * MS, 500)
    clock = FakeClock()
    found = Threads(lambda row: clock.work(int(took[row])), 1, clock).serve(Schedule(np.arange(500), due, NEVER))
    wait, expected = 0, []
    for number in range(500):
        if number:
            wait = max(0, wait + int(took[number - 1]) - int(due[number] - due[number - 1]))
        expected.append(wait + int(took[number]))
    assert found.ns.tolist() == expected


def test_a_late_answer_is_a_time_out_and_one_that_is_waited_for_too_long_is_not_begun() -> None:
    begun: list[int] = []
    clock = FakeClock()

    def answer(row: int) -> None:
        begun.append(row)
        clock.work([120, 10, 10, 10][row] * MS)

    found = Threads(answer, 1, clock).serve(schedule([0, 10, 50, 200], timeout_ms=100))
    assert found.outcome.tolist() == [TIMED_OUT, TIMED_OUT, ANSWERED, ANSWERED]
    assert (found.ns / MS).tolist() == [100, 100, 80, 10]
    assert begun == [0, 2, 3]


def test_nobody_asks_any_more_once_too_many_were_above_the_bound() -> None:
    clock = FakeClock()
    asked = schedule([0, 10, 20, 30, 40, 50])._replace(bound_ns=5 * MS, max_above=1)
    found = Threads(lambda row: clock.work((9 if row % 2 else 2) * MS), 1, clock).serve(asked)
    assert (found.ns / MS).tolist() == [2, 9, 2, 9]


def test_a_failure_has_the_latency_of_the_time_out() -> None:
    clock = FakeClock()

    def answer(row: int) -> None:
        clock.work(MS)
        if row == 1:
            raise ValueError("no such thing")

    found = Threads(answer, 1, clock).serve(schedule([0, 10, 20], timeout_ms=100))
    assert found.outcome.tolist() == [ANSWERED, FAILED, ANSWERED]
    assert (found.ns / MS).tolist() == [1, 100, 1]
    assert found.error == "ValueError: no such thing"


def test_a_stall_shows_in_the_open_loop_and_not_in_the_closed_one() -> None:
    # the simulation of coordinated omission: 1 ms of service, 300 ms of stall every 10 s, 500 requests a second
    def stalling(clock: FakeClock) -> int:
        before = clock.now()
        clock.work(MS)
        if clock.now() // (10_000 * MS) > before // (10_000 * MS):
            clock.work(300 * MS)
        return clock.now() - before

    closed = FakeClock()
    laps = [stalling(closed) for _ in range(60_000)]
    clock = FakeClock()
    asked = Schedule(np.zeros(30_000, int), poisson(500, 30_000, seed=0), NEVER)
    found = Threads(lambda row: stalling(clock), 1, clock).serve(asked)
    assert np.percentile(laps, 99) == MS
    assert np.percentile(found.ns, 99) > 200 * MS


def test_what_the_generator_adds_is_said() -> None:
    class Sleepy(FakeClock):
        def wait(self, until: int) -> None:
            self.time = max(self.time, until + 2 * MS)

    clock = Sleepy()
    found = Threads(lambda row: clock.work(10 * MS), 1, clock).serve(schedule([0, 5, 50]))
    assert (found.late_ns / MS).tolist() == [2, 0, 2]
    assert (found.ns / MS).tolist() == [12, 17, 12], "what the generator adds is in the response too, never taken off"


def test_several_threads_answer_every_request_once_and_side_by_side() -> None:
    seen: list[int] = []
    together = threading.Barrier(3, timeout=20)

    def answer(row: int) -> None:
        together.wait()
        seen.append(row)

    found = Threads(answer, 3).serve(schedule([0.0] * 30, timeout_ms=60_000))
    assert sorted(seen) == list(range(30))
    assert found.outcome.tolist() == [ANSWERED] * 30


@contextmanager
def opened() -> Iterator[Answer]:
    """Open a system, as a worker process does."""

    def answer(row: int) -> None:
        if row == 2:
            raise KeyError("two")

    yield answer


def refuses() -> AbstractContextManager[Answer]:
    raise HarnessError("the index is not there")


def test_processes_open_their_own_system_and_serve_one_schedule_after_the_other() -> None:
    with Processes(opened, workers=2) as workers:
        first = workers.serve(schedule([0, 1, 2, 3], timeout_ms=60_000))
        second = workers.serve(schedule([0, 1], timeout_ms=60_000))
    assert first.outcome.tolist() == [ANSWERED, ANSWERED, FAILED, ANSWERED]
    assert first.error == "KeyError: 'two'"
    assert second.outcome.tolist() == [ANSWERED, ANSWERED]
    assert (first.ns[[0, 1, 3]] > 0).all()


def test_a_worker_process_that_cannot_open_says_why() -> None:
    with pytest.raises(HarnessError, match="the index is not there"), Processes(refuses, workers=1):
        pass
