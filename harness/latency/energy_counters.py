"""Energy counters, where the system lets them be read: RAPL for processors, NVML for GPUs; never an estimate.

RAPL: Intel Software Developer's Manual, volume 3, 16.10, as Linux exposes it under /sys/class/powercap. NVML:
nvmlDeviceGetTotalEnergyConsumption, for GPUs from Volta on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

POWERCAP = Path("/sys/class/powercap")
UJ, MJ = 1e-6, 1e-3
"""Microjoules and millijoules to joules."""


class Counter(Protocol):
    """A counter of energy."""

    name: str

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Return the joules since an earlier reading (0 without one), and the new reading."""


class RaplPackage:
    """The counter of one processor package, in microjoules; it wraps around to 0 when it is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"RAPL {(folder / 'name').read_text().strip()}"
        self.full = int((folder / "max_energy_range_uj").read_text())
        self.joules()

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Read the counter. Raises OSError if that is not allowed."""
        now = int((self.folder / "energy_uj").read_text())
        if before is None:
            return 0.0, now
        return ((now - before) % (self.full + 1)) * UJ, now


class NvmlGpu:
    """The counter of one GPU, in millijoules."""

    def __init__(self, nvml: object, number: int) -> None:
        self.nvml = nvml
        self.handle = nvml.nvmlDeviceGetHandleByIndex(number)  # type: ignore[attr-defined]
        self.name = f"NVML GPU {number}"
        self.joules()

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Read the counter."""
        now = int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))  # type: ignore[attr-defined]
        return (0.0 if before is None else (now - before) * MJ), now


class FoundCounters(NamedTuple):
    """The counters that can be read, and the reasons why others cannot."""

    counters: list[Counter]
    missing: list[str]

    @property
    def status(self) -> str:
        """The names of the counters, or "n/a" with the reasons."""
        names = ", ".join(counter.name for counter in self.counters)
        reasons = "; ".join(self.missing)
        return names if names else f"n/a: {reasons}"


def find_counters(powercap: Path = POWERCAP) -> FoundCounters:
    """Find the counters that can be read; in containers and virtual machines, processors usually have none.

    `psys`, the counter of a whole board, is skipped: it includes the packages, which would count twice.
    """
    found = FoundCounters([], [])
    folders = sorted(path for path in powercap.glob("*-rapl:*") if path.name.count(":") == 1)
    if not folders:
        found.missing.append("the system exposes no RAPL counter")
    for folder in folders:
        try:
            if (folder / "name").read_text().strip() != "psys":
                found.counters.append(RaplPackage(folder))
        except (OSError, ValueError) as error:
            found.missing.append(f"RAPL cannot be read: {error}")
    _find_gpus(found)
    return found


def _find_gpus(found: FoundCounters) -> None:
    try:
        import pynvml
    except ImportError:
        found.missing.append("nvidia-ml-py, which is needed to query NVML, is not installed")
        return
    try:
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            found.counters.append(NvmlGpu(pynvml, number))
    except pynvml.NVMLError as error:
        found.missing.append(f"NVML cannot be read: {error}")


class Energy(NamedTuple):
    """What all counters together counted over some seconds."""

    joules: float
    seconds: float

    @property
    def watts(self) -> float:
        """The mean power."""
        return self.joules / self.seconds


def energy_during(
    work: Callable[[], object], counters: list[Counter], clock: Callable[[], float] = time.perf_counter
) -> Energy:
    """Do some work, and return the energy that the counters counted meanwhile."""
    before, start = [counter.joules()[1] for counter in counters], clock()
    work()
    seconds = clock() - start
    joules = sum(counter.joules(reading)[0] for counter, reading in zip(counters, before, strict=True))
    return Energy(joules, seconds)
