"""What else the machine did while something was timed: load, stolen time, throttling, involuntary context switches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from harness.machine import cgroups

STAT, CPU_STAT = Path("/proc/stat"), "cpu.stat"


class Counters(NamedTuple):
    """What the system counts since it started; None where it does not say."""

    ticks: int | None
    """Of all processors together."""
    stolen: int | None
    """Ticks that a hypervisor gave to others while a processor here had work."""
    throttled: int | None
    """Periods in which the control groups of this process had used up their share."""


class Noise(NamedTuple):
    """The state of the machine over a stretch of time; None where the system does not tell."""

    load: float | None
    """1-minute load average at its end."""
    steal: float | None
    """Share of the processors' time that was stolen."""
    throttled: int | None
    """Periods throttled."""


def read_counters() -> Counters:
    """Read the counters of Linux; nothing is known elsewhere."""
    try:
        user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(
            int, STAT.read_text().split("\n", 1)[0].split()[1:]
        )
    except (OSError, ValueError):
        return Counters(None, None, _throttled())
    return Counters(user + nice + system + idle + iowait + irq + softirq + steal, steal, _throttled())


def between(before: Counters, after: Counters) -> Noise:
    """Say what happened from one reading to a later one; no tick is no share."""
    steal = throttled = None
    if before.ticks is not None and after.ticks is not None and before.stolen is not None and after.stolen is not None:
        ticks = after.ticks - before.ticks
        steal = (after.stolen - before.stolen) / ticks if ticks > 0 else 0.0
    if before.throttled is not None and after.throttled is not None:
        throttled = after.throttled - before.throttled
    return Noise(_load(), steal, throttled)


def switches() -> int | None:
    """Return how often this process had to leave a processor so far, all its threads together."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _throttled() -> int | None:
    """Add up nr_throttled of the control groups that this process is in."""
    found = None
    for folder in cgroups():
        try:
            lines = (folder / CPU_STAT).read_text().splitlines()
        except OSError:
            continue
        for words in map(str.split, lines):
            if words[:1] == ["nr_throttled"]:
                found = (found or 0) + int(words[1])
    return found
