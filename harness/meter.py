"""What a piece of work cost: wall clock, processor time, peak memory, how much was done, and what services took.

It also writes seconds and bytes, the same wherever a person meets them.
"""

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
    """What making an artifact took, on which machine and with which runtime. Seconds are wall clock unless they say."""

    machine: str
    device: str
    threads: int
    items: int
    """Rows that were made."""
    open_seconds: float
    """Set-up: loading weights, opening an index."""
    call_seconds: float
    """The work itself."""
    cpu_seconds: float = 0.0
    api_tokens: int = 0
    """As the service counted them, or services together."""
    api_usd: float = 0.0
    """By the price that the suite says, 0 where it says none."""
    halved: int = 0
    """How often memory did not suffice, and less was done at a time from then on."""
    api_answers: int = 0
    """Answers of language models that were read for a form that they must have."""
    api_malformed: int = 0
    """Those of them that had another."""
    peak_rss_bytes: int = 0
    """Of the process so far, this artifact among others."""
    ended: str = ""
    """UTC, ISO 8601."""

    @property
    def seconds(self) -> float:
        """Set-up and work together."""
        return self.open_seconds + self.call_seconds


class Paid(NamedTuple):
    """What services took, and how many of their answers were of use."""

    tokens: int = 0
    usd: float = 0.0
    answers: int = 0
    """That were read for a form that they must have."""
    malformed: int = 0
    """That had another."""

    def plus(self, other: Paid) -> Paid:
        """Add another amount."""
        return Paid(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[arg-type]

    def minus(self, other: Paid) -> Paid:
        """Take away an earlier amount."""
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
    """Do something and say how many seconds of wall clock it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def peak_rss_bytes() -> int:
    """Return the largest resident memory of this process so far, 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def duration(seconds: float) -> str:
    """Write a time as a person says it, rounded to the last unit shown.

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
    """Write a number of bytes with a unit.

    >>> size(0), size(1536), size(7_961_088)
    ('0 B', '1.5 kB', '8.0 MB')
    """
    for unit, digits in (("B", 0), ("kB", 1), ("MB", 1), ("GB", 1)):
        if round(count, digits) < 1000:
            return f"{count:.{digits}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
