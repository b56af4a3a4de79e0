"""Hold the thread pools of numerical libraries at a number while stages are opened and called.

This is the only module that sets them: stages and search algorithms do not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

IMPORTED_LATE = ("torch", "faiss", "numba")
"""Libraries with thread pools that stages import when they are opened or called."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")


def environment(threads: int) -> dict[str, str]:
    """Return the environment variables with which the libraries of a new process have pools of `threads` threads."""
    return dict.fromkeys(VARIABLES, str(threads))


@contextmanager
def thread_pools(threads: int) -> Iterator[ThreadPools]:
    """Hold the pools of BLAS, OpenMP, torch and numba at `threads`; on leaving, each gets its previous number back.

    Nothing is imported. A library of IMPORTED_LATE that is imported inside gets the number as soon as it is loaded, and
    its own default on leaving. After other imports, call `update` on what the context yields.

    OpenMP and numba keep a number for each thread, so this is the calling thread's; a thread that is started inside
    needs a context of its own.
    """
    with ExitStack() as previous:
        pools = ThreadPools(threads, previous)
        pools.update()
        hook = _ImportHook(pools.update)
        sys.meta_path.insert(0, hook)
        previous.callback(hook.remove)
        yield pools


class ThreadPools:
    """The pools that a context holds at a number of threads."""

    def __init__(self, threads: int, previous: ExitStack) -> None:
        """`previous` is given what restores each pool."""
        self.threads, self.previous = threads, previous
        self.modules = 0
        """The number of imported modules at the last update."""

    def update(self) -> None:
        """Set every pool of the libraries that are loaded by now; does nothing if no module was imported since."""
        if self.modules == len(sys.modules):
            return
        self._limit()
        torch: Any = sys.modules.get("torch")
        if hasattr(torch, "set_num_threads"):  # it is missing while torch is being imported
            self._set(torch, self.threads)  # threads that torch starts ask torch for the number, and not OpenMP
        numba: Any = sys.modules.get("numba")
        if hasattr(numba, "set_num_threads"):
            self._set(numba, min(self.threads, numba.config.NUMBA_NUM_THREADS))
            self._limit()  # numba sets OpenMP's number when it starts its threads
        self.modules = len(sys.modules)

    def _limit(self) -> None:
        self.previous.enter_context(_native_pools(len(sys.modules)).limit(limits=self.threads))

    def _set(self, library: Any, threads: int) -> None:
        self.previous.callback(library.set_num_threads, library.get_num_threads())
        library.set_num_threads(threads)


@lru_cache(maxsize=1)
def _native_pools(modules: int) -> Any:
    """Find the pools of BLAS and OpenMP in this process; others may have been loaded when `modules` changes."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    del modules
    return ThreadpoolController()


class _ImportHook(MetaPathFinder):
    """Calls `imported` after each import of a library of IMPORTED_LATE."""

    def __init__(self, imported: Callable[[], None]) -> None:
        self.imported = imported

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in IMPORTED_LATE else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:
                self.imported()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def remove(self) -> None:
        """Leave imports alone from now on."""
        sys.meta_path.remove(self)
