"""Measures what a piece of work cost: time, memory, rows and paid services; and formats seconds and bytes."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What it cost to make an artifact, on which machine and with which runtime. Seconds are wall-clock time."""

    machine: str
    device: str
    threads: int
    items: int
    """The number of rows that were made."""
    open_seconds: float
    """The time to set the stage up, such as loading weights or opening an index."""
    call_seconds: float
    """The time of the work itself."""
    cpu_seconds: float = 0.0
    """The processor time of set-up and work."""
    api_tokens: int = 0
    """The tokens that services charged for, as they counted them."""
    api_usd: float = 0.0
    """The price of those tokens; 0 if the suite sets no price."""
    halved: int = 0
    """The number of times that the device ran out of memory and the batch size was halved."""
    api_answers: int = 0
    """The number of answers of language models that had to follow a given format."""
    api_malformed: int = 0
    """The number of those answers that did not follow it."""
    peak_rss_bytes: int = 0
    """The peak resident memory of the process up to then, which other artifacts may have caused."""
    ended: str = ""
    """The time at which the artifact was finished, in UTC as ISO 8601."""

    @property
    def seconds(self) -> float:
        """The time of set-up and work together."""
        return self.open_seconds + self.call_seconds


class Paid(NamedTuple):
    """What services charged, and how many of their answers followed the required format."""

    tokens: int = 0
    usd: float = 0.0
    answers: int = 0
    """The number of answers that had to follow a given format."""
    malformed: int = 0
    """The number of those answers that did not follow it."""

    def plus(self, other: Paid) -> Paid:
        """Return the sum of both amounts."""
        return Paid(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[arg-type]

    def minus(self, other: Paid) -> Paid:
        """Return what was added since an earlier amount."""
        return Paid(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[arg-type]


class Bill:
    """What the stages of a run paid so far, by service: stages add to it, whoever runs them reads it."""

    def __init__(self) -> None:
        self.of: defaultdict[str, Paid] = defaultdict(Paid)
        self.halved = 0
        """How often the memory of a device did not suffice for a stage."""

    def halve(self) -> None:
        """Enter that memory did not suffice, and that the stage goes on with less at a time."""
        self.halved += 1

    def add(self, service: str, paid: Paid) -> None:
        """Enter what a service took for one request."""
        self.of[service] = self.of[service].plus(paid)

    @property
    def total(self) -> Paid:
        """What all services took."""
        return reduce(Paid.plus, self.of.values(), Paid())


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Call a function and return its result and the wall-clock seconds that it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process so far; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def duration(seconds: float) -> str:
    """Format a time for people, rounded to the last unit shown.

    >>> duration(0.0042), duration(3.25), duration(75), duration(7260)
    ('4 ms', '3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    if round(seconds) < 3600:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return "{} h {} min".format(*divmod(round(seconds / 60), 60))


def size(count: float) -> str:
    """Format a number of bytes with a decimal unit (1 kB is 1000 B).

    >>> size(0), size(1536), size(7_961_088)
    ('0 B', '1.5 kB', '8.0 MB')
    """
    for unit, digits in (("B", 0), ("kB", 1), ("MB", 1), ("GB", 1)):
        if round(count, digits) < 1000:
            return f"{count:.{digits}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
