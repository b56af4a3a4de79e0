"""The two tasks of a fresh process: a system up to its first answer, and the memory that one stage takes."""

from __future__ import annotations

import sys
from glob import escape
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from harness.latency.memory_counters import gpu_memory, peak_resident, resident, sampled_pss
from harness.latency.opener import Opener
from harness.plan import Target, walk
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime

S = 1e-9
"""Nanoseconds to seconds."""
LIBRARIES = ("torch", "transformers", "sentence_transformers", "faiss", "usearch", "scipy", "numba", "ranx", "openai")
"""The libraries that are slow to import."""


def cold(request: dict[str, Any]) -> dict[str, Any]:
    """Open a system and answer one query; return seconds, and which slow libraries this imported.

    Preparing the plan is the harness's own work and no part of retrieval, so it has its own figure.
    """
    start = perf_counter_ns()
    opener, target = _prepared(request)
    prepared = perf_counter_ns()
    opened = opener.open_system(target, services=request["services"])
    ready = perf_counter_ns()
    lap = opened.lap(request["query"])
    return {
        "plan": (prepared - start) * S,
        "open": (ready - prepared) * S,
        "first_query": lap.ns * S,
        "libraries": [name for name in LIBRARIES if name in sys.modules],
    }


def memory(request: dict[str, Any]) -> dict[str, Any]:
    """Open the stage of one node and let it process some rows; return the bytes before, and at the peak."""
    opener, target = _prepared(request)
    node = next(node for node in walk(target.answer) if node.fingerprint == request["node"])
    before = resident()
    with sampled_pss() as samples:
        inputs = [opener.load(above).take(slice(0, request["rows"])) for above in node.stream]
        opener.open_stage(node)(*inputs)
        if opener.wait is not None:
            opener.wait()
    peaks = {"peak_rss": peak_resident(), "peak_pss": max(samples, default=None)}
    return {"base_rss": before, **peaks, **gpu_memory(opener.runtime)}


def _prepared(request: dict[str, Any]) -> tuple[Opener, Target]:
    suite, folder = Path(request["suite"]), Path(request["store"])
    only = [escape(request["system"])]
    plan, store = prepare_plan(suite, only, [request["dataset"]], folder, request["device"], fetch=False)
    (target,) = plan.targets
    return Opener(plan, store, Runtime(request["device"], request["threads"])), target
