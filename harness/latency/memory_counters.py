"""How much memory this process uses: resident, proportional, and on the GPU; None where the system does not tell."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.meter import peak_rss_bytes
from harness.stage import Runtime

SAMPLE_SECONDS = 0.02
"""The time between two samples of the memory."""
STATUS, ROLLUP = Path("/proc/self/status"), Path("/proc/self/smaps_rollup")


def resident() -> int | None:
    """Return the bytes of this process that are resident now."""
    return _field(STATUS, "VmRSS:")


def peak_resident() -> int | None:
    """Return the most bytes of this process that were ever resident.

    Linux starts this counter anew for each program, whereas that of getrusage begins with the parent's peak.
    """
    return _field(STATUS, "VmHWM:") or peak_rss_bytes() or None


@contextmanager
def sampled_pss() -> Iterator[list[int]]:
    """Sample the proportional set size every 20 ms, in bytes; a page that processes share counts in equal parts.

    Yields the list to which the samples are added. It stays empty on systems without this number.
    """
    samples: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while True:
            pss = _field(ROLLUP, "Pss:")
            if pss is None:
                return
            samples.append(pss)
            if done.wait(SAMPLE_SECONDS):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
        last = _field(ROLLUP, "Pss:")
        samples += [] if last is None else [last]
    finally:
        done.set()
        sampler.join()


def _field(file: Path, name: str) -> int | None:
    """Return a field that the file gives in kilobytes, in bytes."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith(name)), None)
    return int(line.split()[1]) * 1024 if line else None


def gpu_memory(runtime: Runtime) -> dict[str, int | None]:
    """Return the GPU memory of this process in bytes; {} on a CPU.

    `peak_gpu` is the peak that torch reserved; `gpu_by_driver` is what the driver reports now, the context included.
    """
    if not runtime.device.startswith("cuda"):
        return {}
    import torch

    return {"peak_gpu": torch.cuda.max_memory_reserved(), "gpu_by_driver": _by_driver()}


def _by_driver() -> int | None:
    """Return the bytes that NVML reports for this process; None if it is not installed or does not tell."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        own = [
            process.usedGpuMemory
            for handle in handles
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == os.getpid() and process.usedGpuMemory is not None
        ]
    except pynvml.NVMLError:
        return None
    return sum(own) or None
