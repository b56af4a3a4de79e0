"""The switches of the garbage collector are as before afterwards, whichever thread turned them."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from harness.latency.isolation import collection_paused, existing_objects_frozen, garbage_collection_off


def test_collection_stays_paused_until_the_last_thread_leaves() -> None:
    first_inside, second_inside, first_left = Event(), Event(), Event()

    def first() -> None:
        with collection_paused:
            first_inside.set()
            assert second_inside.wait(20)
        first_left.set()

    def second() -> bool:
        assert first_inside.wait(20)
        with collection_paused:
            second_inside.set()
            assert first_left.wait(20)
            return gc.isenabled()

    assert gc.isenabled()
    with ThreadPoolExecutor(2) as pool:
        leaving, staying = pool.submit(first), pool.submit(second)
    leaving.result()
    assert not staying.result(), "the second thread is still inside"
    assert gc.isenabled()


def test_collection_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with garbage_collection_off():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_existing_objects_are_excluded_and_collection_goes_on() -> None:
    with existing_objects_frozen():
        assert gc.get_freeze_count() > 0 and gc.isenabled()
    assert gc.get_freeze_count() == 0
    with garbage_collection_off():
        assert gc.get_freeze_count() > 0 and not gc.isenabled()
    assert gc.get_freeze_count() == 0 and gc.isenabled()
