"""A stage in a file of one's own, named under `plugins:`, is as good as one that ships."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SYSTEMS

UPSIDE_DOWN = '''
from collections.abc import Callable

import numpy as np

from harness.artifacts.run import Run
from harness.registry import STAGES
from harness.stage import Fuser, Runtime


@STAGES.register("fuse/upside-down")
class UpsideDown(Fuser):
    """Rank the worst first: a system that a report must put last."""

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """The call takes one run."""

        def fuse(run: Run) -> Run:
            scores = np.where(run.documents < 0, -np.inf, -run.scores)
            return Run.top(scores, self.depth, documents=run.documents, rows=run.rows)

        return fuse
'''


def test_a_stage_of_under_25_lines_makes_nothing_but_itself_and_its_scores(
    harness: Callable[..., subprocess.CompletedProcess[str]], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    assert len(UPSIDE_DOWN.strip().splitlines()) < 25
    assert harness("run", write_suite()).returncode == 0
    (tmp_path / "mine.py").write_text(UPSIDE_DOWN)
    suite = write_suite(SYSTEMS + "  mine: [{fuse: upside-down, of: [bm25]}]\n", head="plugins: [mine.py]")
    planned = json.loads(harness("plan", suite, "--json").stdout)
    made = [stage["stage"] for stage in planned["stages"] if stage["state"] == "made"]
    assert sorted(made) == ["fuse/upside-down", "score/qrels", "score/qrels"]
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    assert "3 made" in done.stderr


def test_one_class_under_two_words_is_two_stages(
    harness: Callable[..., subprocess.CompletedProcess[str]], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    line = '@STAGES.register("fuse/upside-down")'
    (tmp_path / "mine.py").write_text(UPSIDE_DOWN.replace(line, f'{line}\n@STAGES.register("fuse/worst-first")'))
    own = "  mine: [{fuse: upside-down, of: [bm25]}]\n  same: [{fuse: worst-first, of: [bm25]}]\n"
    suite = write_suite(SYSTEMS + own, head="plugins: [mine.py]")
    planned = json.loads(harness("plan", suite, "--json").stdout)
    systems = {stage["stage"]: stage["systems"] for stage in planned["stages"] if stage["stage"].startswith("fuse/")}
    assert systems["fuse/upside-down"] == ["mine"] and systems["fuse/worst-first"] == ["same"]
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
