"""What a piece of work cost: wall clock, processor time, peak memory, and how much was done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

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
    peak_rss_bytes: int = 0
    """Of the process so far, this artifact among others."""
    ended: str = ""
    """UTC, ISO 8601."""

    @property
    def seconds(self) -> float:
        """Set-up and work together."""
        return self.open_seconds + self.call_seconds


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
