"""What else the machine did while something was timed: load, stolen time, throttling, involuntary context switches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from harness.machine import cgroups

STAT, CPU_STAT = Path("/proc/stat"), "cpu.stat"


class Counters(NamedTuple):
    """What the system has counted since it started; None for what it does not tell."""

    ticks: int | None
    """The clock ticks of all processors together."""
    stolen: int | None
    """The ticks that a hypervisor gave to others while a processor of this machine had work."""
    throttled: int | None
    """The periods in which the control groups of this process had used up their share."""


class Noise(NamedTuple):
    """The state of the machine over a stretch of time; None for what the system does not tell."""

    load: float | None
    """The 1-minute load average at its end."""
    steal: float | None
    """The share of the processors' time that was stolen."""
    throttled: int | None
    """The number of periods in which this process was throttled."""


def read_counters() -> Counters:
    """Read the counters of Linux; on other systems all are None."""
    try:
        user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(
            int, STAT.read_text().split("\n", 1)[0].split()[1:]
        )
    except (OSError, ValueError):
        return Counters(None, None, _throttled())
    return Counters(user + nice + system + idle + iowait + irq + softirq + steal, steal, _throttled())


def noise_between(before: Counters, after: Counters) -> Noise:
    """Return what happened between two readings; without a tick in between, the stolen share is 0."""
    steal = throttled = None
    if before.ticks is not None and after.ticks is not None and before.stolen is not None and after.stolen is not None:
        ticks = after.ticks - before.ticks
        steal = (after.stolen - before.stolen) / ticks if ticks > 0 else 0.0
    if before.throttled is not None and after.throttled is not None:
        throttled = after.throttled - before.throttled
    return Noise(_load(), steal, throttled)


def involuntary_switches() -> int | None:
    """Return how often the threads of this process were forced off a processor so far."""
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
    """Return the sum of nr_throttled over the control groups that this process is in."""
    total = None
    for folder in cgroups():
        try:
            lines = (folder / CPU_STAT).read_text().splitlines()
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[:1] == ["nr_throttled"]:
                total = (total or 0) + int(fields[1])
    return total
