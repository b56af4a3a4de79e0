"""How many threads the pools of this process have."""

from __future__ import annotations

import sys
from typing import Any


def thread_state() -> dict[str, int]:
    """Return the number of threads of every pool that is loaded, by library or file; nothing is imported.

    Numba is last: asking it starts its threads, which changes the number of OpenMP.
    """
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    modules: dict[str, Any] = sys.modules
    state = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    for library, getter in (
        ("torch", "get_num_threads"),
        ("faiss", "omp_get_max_threads"),
        ("numba", "get_num_threads"),
    ):
        if library in modules:
            state[library] = getattr(modules[library], getter)()
    return state
