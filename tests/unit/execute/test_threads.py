"""Thread pools are held at a number for as long as stages are opened and called, and then get their own back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.execute.threads import IMPORTED_LATE, VARIABLES, environment, thread_pools
from harness.latency.load_generator import Schedule
from harness.latency.worker_pools import Threads
from harness.plan.prepare import prepare_plan
from harness.stage import Runtime
from tests.makers.thread_state import thread_state

PLUGIN = '''
import json
from pathlib import Path

from harness.artifacts.run import Run
from harness.registry import STAGES
from harness.stage import Fuser, Runtime


@STAGES.register("fuse/first-of-threads")
class FirstOfThreads(Fuser):
    """Keeps the first run, and notes the threads of the call."""

    notes: str

    def open(self, runtime: Runtime):
        def fuse(*runs: Run) -> Run:
            import faiss
            import torch

            seen = {"runtime": runtime.threads, "torch": torch.get_num_threads(), "faiss": faiss.omp_get_max_threads()}
            Path(self.notes).write_text(json.dumps(seen))
            return runs[0]

        return fuse
'''
SYSTEMS = """
  flat: [{encode: hashing, dim: 64}, {index: flat}]
  hnsw: [{encode: hashing, dim: 64}, {index: hnsw}]
  binary: [{encode: hashing, dim: 64}, {index: binary}]
  noted: [{fuse: first-of-threads, of: [flat, hnsw], notes: NOTES}]
"""


def in_another_process(code: str, **variables: str) -> Any:
    """Run code in a new process, where only `variables` set numbers of threads, and return what it prints as JSON."""
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    code = f"import json\nfrom tests.makers.thread_state import thread_state\n{code}"
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=inherited | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("when", ["before", "inside"])
def test_every_library_gets_its_own_number_back(when: str) -> None:
    imports = f"import {', '.join(IMPORTED_LATE)}"
    before, inside = (imports, "pass") if when == "before" else ("pass", imports)
    held = f"""
from harness.execute.threads import thread_pools
{before}
with thread_pools(2):
    {inside}
    held = thread_state()
print(json.dumps([held, thread_state()]))
"""
    expected = in_another_process(f"{imports}\nprint(json.dumps(thread_state()))", OMP_NUM_THREADS="1")
    found, restored = in_another_process(held, OMP_NUM_THREADS="1")
    assert (expected["torch"], expected["faiss"]) == (1, 1)
    assert set(found.values()) == {2}
    assert {library: restored[library] for library in expected} == expected


def test_a_library_that_others_brought_gets_the_number_with_update() -> None:
    code = """
from harness.execute.threads import thread_pools
with thread_pools(2) as pools:
    import scipy.linalg
    pools.update()
    held = thread_state()
print(json.dumps([held, thread_state()]))
"""
    found, restored = in_another_process(code, OMP_NUM_THREADS="1")
    assert set(found.values()) == {2} and set(restored.values()) == {1}


def test_nothing_is_imported() -> None:
    code = "import sys\nfrom harness.execute.threads import thread_pools\nwith thread_pools(1): pass\n"
    loaded = in_another_process(f"{code}print(json.dumps([name for name in {IMPORTED_LATE} if name in sys.modules]))")
    assert loaded == []


def test_numbers_are_restored_after_an_error_and_in_an_inner_context() -> None:
    import torch

    with thread_pools(2):
        with pytest.raises(ValueError, match="no"), thread_pools(1):
            assert torch.get_num_threads() == 1
            raise ValueError("no")
        assert torch.get_num_threads() == 2


def test_worker_threads_of_the_mode_server_have_the_number() -> None:
    """OpenMP keeps a number for each thread, so what the main thread sets reaches no worker."""
    faiss = pytest.importorskip("faiss")
    seen: list[int] = []
    schedule = Schedule(np.arange(8), np.zeros(8, np.int64), timeout_ns=1 << 60)
    for threads in (1, 2):
        Threads(lambda row: seen.append(faiss.omp_get_max_threads()), 2, threads=threads).serve(schedule)
    assert seen == [1] * 8 + [2] * 8


def test_the_environment_of_a_new_process_sets_every_library() -> None:
    code = f"import {', '.join(IMPORTED_LATE)}\nprint(json.dumps(thread_state()))"
    assert set(in_another_process(code, **environment(2)).values()) == {2}


def test_stages_see_the_threads_of_the_runtime_and_leave_none_behind(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    import torch

    (tmp_path / "threads_plugin.py").write_text(PLUGIN)
    notes = tmp_path / "notes.json"
    suite = write_suite(SYSTEMS.replace("NOTES", str(notes)), "plugins: [threads_plugin.py]")
    torch.set_float32_matmul_precision("high")
    try:
        before = thread_state()
        for threads in (2, 1):
            plan, store = prepare_plan(suite, None, None, tmp_path / f"store-{threads}", "cpu", fetch=True)
            assert not execute(plan, store, Runtime(threads=threads), Silent()).failed
            assert json.loads(notes.read_text()) == {"runtime": threads, "torch": threads, "faiss": threads}
            after = thread_state()
            assert {library: after[library] for library in before} == before
            assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
