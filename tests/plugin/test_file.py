"""Plug-ins in files listed under `plugins:`: the stage of the README, and the smallest ones of docs/plugins.md."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from harness.results import Results
from tests.conftest import SYSTEMS

ROOT = Path(__file__).parents[2]
(REVERSE,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
SECTION = (ROOT / "docs" / "plugins.md").read_text().split("## The smallest plug-ins\n")[1].split("\n## ")[0]
SMALLEST = {name: code for code, name in re.findall(r'```python\n("""(\w+\.py)""".*?)```', SECTION, re.DOTALL)}
SUITE = dedent("\n".join(line for line in SECTION.split("weather.yaml`:\n")[1].splitlines() if line.startswith("    ")))


def test_a_stage_of_under_25_lines_makes_nothing_but_itself_and_its_scores(
    harness: Callable[..., subprocess.CompletedProcess[str]], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    assert len(REVERSE.strip().splitlines()) < 25
    assert harness("run", write_suite()).returncode == 0
    (tmp_path / "mine.py").write_text(REVERSE)
    suite = write_suite(SYSTEMS + "  mine: [{fuse: reverse, of: [bm25]}]\n", head="plugins: [mine.py]")
    planned = json.loads(harness("plan", suite, "--json").stdout)
    made = [stage["stage"] for stage in planned["stages"] if stage["state"] == "made"]
    assert sorted(made) == ["fuse/reverse", "score/qrels", "score/qrels"]
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    assert "3 made" in done.stderr


def test_one_class_under_two_words_is_two_stages(
    harness: Callable[..., subprocess.CompletedProcess[str]], write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    line = '@STAGES.register("fuse/reverse")'
    (tmp_path / "mine.py").write_text(REVERSE.replace(line, f'{line}\n@STAGES.register("fuse/worst-first")'))
    own = "  mine: [{fuse: reverse, of: [bm25]}]\n  same: [{fuse: worst-first, of: [bm25]}]\n"
    suite = write_suite(SYSTEMS + own, head="plugins: [mine.py]")
    planned = json.loads(harness("plan", suite, "--json").stdout)
    systems = {stage["stage"]: stage["systems"] for stage in planned["stages"] if stage["stage"].startswith("fuse/")}
    assert systems["fuse/reverse"] == ["mine"] and systems["fuse/worst-first"] == ["same"]
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["stage.py", "measure.py", "dataset.py"])
def test_the_smallest_plug_ins_take_less_than_25_lines(name: str) -> None:
    assert len(SMALLEST[name].splitlines()) < 25


def test_a_suite_uses_the_smallest_stage_measure_and_data_set(
    harness: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for name, code in SMALLEST.items():
        (tmp_path / name).write_text(code)
    (tmp_path / "weather.yaml").write_text(SUITE)
    done = harness("run", "weather.yaml")
    assert done.returncode == 0, done.stderr
    results = Results.load(next((tmp_path / "results" / "weather").iterdir()))
    values = {row.system: row.value for row in results.measurements if row.quantity == "MeanGrade@2"}
    assert values["full"] == 1.0  # (1 + 0) / 2 for q1, and (2 + 1) / 2 for q2
    assert set(values) == {"full", "signs"}
