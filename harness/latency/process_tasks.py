"""What is done in a fresh process: a system opened up to its first answer, or one stage and the memory it takes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from harness.latency.opened_system import Opener
from harness.meter import peak_rss_bytes
from harness.plan import Target, walk
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime

S = 1e-9
LIBRARIES = ("torch", "transformers", "sentence_transformers", "faiss", "usearch", "scipy", "numba", "ranx", "openai")
"""Those that take long to import."""
LOOK = 0.02
"""Seconds between two looks at the memory."""
STATUS, ROLLUP = Path("/proc/self/status"), Path("/proc/self/smaps_rollup")


def cold(request: dict[str, Any]) -> dict[str, Any]:
    """Open a system and answer one query; seconds, and which slow libraries that took.

    To lay the plan is the harness's own business and no part of retrieval, so it is a figure of its own.
    """
    start = perf_counter_ns()
    opener, target = _found(request)
    laid = perf_counter_ns()
    lane = opener.lane(target, services=request["services"])
    opened = perf_counter_ns()
    lap = lane.lap(request["row"])
    return {
        "plan": (laid - start) * S,
        "open": (opened - laid) * S,
        "first_query": lap.ns * S,
        "libraries": [name for name in LIBRARIES if name in sys.modules],
    }


def memory(request: dict[str, Any]) -> dict[str, Any]:
    """Open the stage of one node and let it work on some rows; bytes before, and at most."""
    opener, target = _found(request)
    node = next(node for node in walk(target.answer) if node.fingerprint == request["node"])
    before = resident()
    with watched() as most:
        given = [opener.load(above).take(slice(0, request["rows"])) for above in node.stream]
        opener.call(node)(*given)
        if opener.wait is not None:
            opener.wait()
    return {"base_rss": before, "peak_rss": peak_resident(), "peak_pss": max(most, default=None), **gpu(opener.runtime)}


def _found(request: dict[str, Any]) -> tuple[Opener, Target]:
    suite, store = Path(request["suite"]), Path(request["store"])
    alone = [escape(request["system"])]
    plan, held = prepare_plan(suite, alone, [request["dataset"]], store, request["device"], fetch=False)
    (target,) = plan.targets
    return Opener(plan, held, Runtime(request["device"], request["threads"])), target


def resident() -> int | None:
    """Return the resident bytes of this process, None where the system does not say."""
    return _field(STATUS, "VmRSS:")


def peak_resident() -> int | None:
    """Return the most that was resident in this process so far.

    Linux counts this anew for a program that a process starts, other than getrusage, which begins with its parent's.
    """
    return _field(STATUS, "VmHWM:") or peak_rss_bytes() or None


@contextmanager
def watched() -> Iterator[list[int]]:
    """Look at the proportional set size every 20 ms: of pages that are shared, a share. Gives what was seen."""
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while True:
            found = _field(ROLLUP, "Pss:")
            if found is None:
                return
            seen.append(found)
            if done.wait(LOOK):
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
        last = _field(ROLLUP, "Pss:")
        seen += [] if last is None else [last]
    finally:
        done.set()
        watcher.join()


def _field(file: Path, name: str) -> int | None:
    """Return a field of kilobytes as bytes."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(name)), None)
    return int(found.split()[1]) * 1024 if found else None


def gpu(runtime: Runtime) -> dict[str, int | None]:
    """Return the GPU memory of this process: at most by torch's counter, and now by the driver's; nothing on a CPU."""
    if not runtime.device.startswith("cuda"):
        return {}
    import torch

    return {"peak_gpu": torch.cuda.max_memory_reserved(), "gpu_by_driver": _by_driver()}


def _by_driver() -> int | None:
    """Return what NVML says of this process, its context included; None where it is not installed or does not tell."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        mine = [
            process.usedGpuMemory
            for handle in handles
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == os.getpid() and process.usedGpuMemory is not None
        ]
    except pynvml.NVMLError:
        return None
    return sum(mine) or None
