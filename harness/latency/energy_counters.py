"""Counters of energy where the system lets them be read: RAPL of the processors, NVML of the GPUs; never an estimate.

RAPL: Intel Software Developer's Manual, volume 3, 16.10, as Linux shows it under /sys/class/powercap. NVML:
nvmlDeviceGetTotalEnergyConsumption, of GPUs from Volta on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

POWERCAP = Path("/sys/class/powercap")
UJ, MJ = 1e-6, 1e-3


class Counter(Protocol):
    """Something that counts energy."""

    name: str

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Return the joules since an earlier reading, 0 without one, and the reading now."""


class Package:
    """The counter of one processor package, in microjoules, which begins again at 0 when it is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"RAPL {(folder / 'name').read_text().strip()}"
        self.full = int((folder / "max_energy_range_uj").read_text())
        self.joules()

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Read it. OSError where that is not allowed."""
        now = int((self.folder / "energy_uj").read_text())
        if before is None:
            return 0.0, now
        return ((now - before) % (self.full + 1)) * UJ, now


class Gpu:
    """The counter of one GPU, in millijoules."""

    def __init__(self, nvml: object, number: int) -> None:
        self.nvml = nvml
        self.handle = nvml.nvmlDeviceGetHandleByIndex(number)  # type: ignore[attr-defined]
        self.name = f"NVML GPU {number}"
        self.joules()

    def joules(self, before: int | None = None) -> tuple[float, int]:
        """Read it."""
        now = int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))  # type: ignore[attr-defined]
        return (0.0 if before is None else (now - before) * MJ), now


class Found(NamedTuple):
    """The counters that can be read, and of those that cannot, why not."""

    counters: list[Counter]
    missing: list[str]

    @property
    def status(self) -> str:
        """What is read, or "n/a" with the reasons."""
        named = ", ".join(counter.name for counter in self.counters)
        reasons = "; ".join(self.missing)
        return named if named else f"n/a: {reasons}"


def find_counters(powercap: Path = POWERCAP) -> Found:
    """Look for counters. A container or a virtual machine mostly has none of the processor.

    `psys`, the counter of a whole board, is left: the packages are in it, and would count twice.
    """
    found = Found([], [])
    folders = sorted(path for path in powercap.glob("*-rapl:*") if path.name.count(":") == 1)
    if not folders:
        found.missing.append("the system shows no RAPL counter")
    for folder in folders:
        try:
            if (folder / "name").read_text().strip() != "psys":
                found.counters.append(Package(folder))
        except (OSError, ValueError) as error:
            found.missing.append(f"RAPL cannot be read: {error}")
    _find_gpus(found)
    return found


def _find_gpus(found: Found) -> None:
    try:
        import pynvml
    except ImportError:
        found.missing.append("nvidia-ml-py, which asks NVML, is not installed")
        return
    try:
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            found.counters.append(Gpu(pynvml, number))
    except pynvml.NVMLError as error:
        found.missing.append(f"NVML says: {error}")


class Energy(NamedTuple):
    """What all counters together counted over some seconds."""

    joules: float
    seconds: float


def over(counters: list[Counter], work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Energy:
    """Return what the counters counted while something was done."""
    before, start = [counter.joules()[1] for counter in counters], clock()
    work()
    seconds = clock() - start
    return Energy(sum(c.joules(at)[0] for c, at in zip(counters, before, strict=True)), seconds)
