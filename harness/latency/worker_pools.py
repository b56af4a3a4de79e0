"""The workers of the load generator: threads that share one opened system, or processes with one each."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from multiprocessing.connection import Connection
from typing import Any, Protocol, Self

from harness.errors import HarnessError
from harness.execute.threads import thread_pools
from harness.latency.load_generator import (
    Answer,
    Clock,
    Completed,
    RequestQueue,
    Responses,
    Schedule,
    WallClock,
    in_schedule_order,
    serve_queue,
)

LEAD_NS = 20_000_000
"""How long before a schedule starts it is handed to the workers, so that all of them are ready in time."""

AnswerOpener = Callable[[], AbstractContextManager[Answer]]
"""Opens what a worker process answers with; a worker leaves the context when it ends."""


class Workers(Protocol):
    """Workers that are ready to answer schedules."""

    kind: str

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule, and return when every request is settled."""


class Threads:
    """Threads of this process that share one opened system, for stages that release the GIL.

    Each worker has thread pools of `threads` threads.
    """

    kind = "threads"

    def __init__(self, answer: Answer, workers: int, clock: Clock | None = None, *, threads: int = 1) -> None:
        self.answer, self.workers, self.clock, self.threads = answer, workers, clock or WallClock(), threads

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule, which starts when the thread pools of all workers are set."""
        queue, start = RequestQueue(schedule, [0, 0], threading.Lock()), [0]

        def set_start() -> None:
            start[0] = self.clock.now() + LEAD_NS

        ready = threading.Barrier(self.workers, set_start)

        def run_worker() -> list[Completed]:
            with thread_pools(self.threads):
                ready.wait()
                return serve_queue(self.answer, queue, start[0], self.clock)

        with ThreadPoolExecutor(self.workers) as pool:
            parts = [pool.submit(run_worker) for _ in range(self.workers)]
            return in_schedule_order([part.result() for part in parts])


class Processes:
    """Worker processes that each open a system of their own; a context manager.

    `opener` must be picklable. Raises HarnessError if a worker cannot open its system, or dies.
    """

    kind = "processes"

    def __init__(self, opener: AnswerOpener, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.counts = context.Array("q", 2)
        self.processes, self.connections = [], []
        for _ in range(workers):
            connection, of_worker = context.Pipe()
            process = context.Process(target=_run_worker, args=(opener, self.counts, of_worker), daemon=True)
            process.start()
            of_worker.close()
            self.processes.append(process)
            self.connections.append(connection)

    def __enter__(self) -> Self:
        """Wait until all workers have opened their systems."""
        try:
            self._receive()
        except HarnessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers."""
        for connection in self.connections:
            connection.close()
        for process in self.processes:
            process.join(timeout=5)
            process.kill()
            process.join()

    def serve(self, schedule: Schedule) -> Responses:
        """Answer a schedule."""
        self.counts[:] = [0, 0]
        start = time.perf_counter_ns() + LEAD_NS
        for connection in self.connections:
            connection.send((schedule, start))
        return in_schedule_order(self._receive())

    def _receive(self) -> list[Any]:
        """Return one message of each worker; a worker that cannot open its system sends the reason as a text."""
        messages = []
        for connection in self.connections:
            try:
                message = connection.recv()
            except (EOFError, ConnectionError):
                raise HarnessError("a worker process of the server mode died") from None
            if isinstance(message, str):
                raise HarnessError(message)
            messages.append(message)
        return messages


def _run_worker(opener: AnswerOpener, counts: Any, connection: Connection) -> None:
    """Run a worker process: open the system, report that, and answer schedules until the connection is closed."""
    with ExitStack() as stack:
        try:
            answer = stack.enter_context(opener())
        except Exception as error:  # whatever a stage raises; the parent process reports it
            connection.send(str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")
            return
        connection.send([])
        while True:
            try:
                schedule, start = connection.recv()
                queue = RequestQueue(schedule, counts, counts.get_lock())
                connection.send(serve_queue(answer, queue, start, WallClock()))
            except (EOFError, ConnectionError):
                return
