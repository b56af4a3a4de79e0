"""docs/mteb.md is true: its files are written, its commands and programs run, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mteb", reason="mteb is an extra")
PAGE = Path(__file__).parents[2] / "docs" / "mteb.md"


def files() -> dict[str, str]:
    """Return the blocks whose first line names a file."""
    found = re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return dict(found)


def test_the_page_runs(tmp_path, harness):
    variables = {name: str(tmp_path / name) for name in ("HF_HOME", "MTEB_CACHE")}
    assert len(files()) == 8
    for name, text in files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = harness("run", "notes.yaml", **variables)
    assert done.returncode == 0, done.stderr
    [run] = tmp_path.glob("results/notes/*")
    done = harness("export", run.relative_to(tmp_path), "--format", "mteb", "--out", "exported")
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, **variables, "HARNESS_STORE": str(tmp_path / "store"), "HF_HUB_OFFLINE": "1"}
    said = {
        name: subprocess.run(
            [sys.executable, name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for name in ("read.py", "evaluate.py")
    }
    assert sorted(said["read.py"].split()[::2]) == ["notes/bm25", "notes/hybrid", "notes/tfidf"]
    assert set(said["read.py"].split()[1::2]) == {"1.0"}
    assert said["evaluate.py"].split() == ["notes/hybrid", "1.0"]
