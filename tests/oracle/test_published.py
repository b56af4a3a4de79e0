"""The numbers that the shipped suites expect: published ones, and those of other people's code on the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.suite import load_suite

ROOT = Path(__file__).parents[2]
Harness = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.external


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of ir_datasets that may be written to."""
    data = os.environ.get("HARNESS_TEST_DATA")
    if not data:
        pytest.skip("HARNESS_TEST_DATA names no folder of real collections")
    pytest.importorskip("ir_datasets")
    home = tmp_path / "irds"
    shutil.copytree(Path(data) / "ir_datasets", home, copy_function=shutil.copyfile)
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return home


@pytest.mark.parametrize("name", ["scifact", "cranfield"])
def test_bm25_meets_what_the_suite_expects(harness: Harness, home: Path, tmp_path: Path, name: str) -> None:
    done = harness("run", ROOT / "suites" / f"{name}.yaml", "--only", "bm25", IR_DATASETS_HOME=str(home))
    assert done.returncode == 0, done.stderr + done.stdout
    folder = next((tmp_path / "results" / name).glob("[0-9]*"))
    checks = json.loads((folder / "run.json").read_text())["checks"]
    assert [check["status"] for check in checks] == ["met"]


def test_cranfield_by_other_peoples_code(home: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "cranfield_by_others.py")]
    environment = {**os.environ, "IR_DATASETS_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wanted = next(entry for entry in load_suite(ROOT / "suites" / "cranfield.yaml").expect if entry.system == "bm25")
    assert float(done.stdout.split()[-1]) == wanted.value
