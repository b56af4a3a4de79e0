"""Keeps the garbage collector from disturbing what is timed, and restores its switches afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class CollectionPause:
    """Turns automatic garbage collection off while at least one thread is inside the `with` block."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        """Turn collection off; the first thread to enter remembers whether it was on."""
        with self._lock:
            if self._inside == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        """Restore what the first thread found when the last one leaves."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_enabled:
                gc.enable()


collection_paused = CollectionPause()
"""The one pause of this process: the switch of the garbage collector is shared by all its threads."""


@contextmanager
def existing_objects_frozen() -> Iterator[None]:
    """Collect garbage once, then exclude the objects that are left from all collections inside the block."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Collect garbage only on request; a request is quick, because existing objects are excluded."""
    with existing_objects_frozen(), collection_paused:
        yield
