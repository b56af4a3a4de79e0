"""docs/own-data.md is true: its blocks are pasted into a shell one after the other, and print what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"
BLOCK = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def plain(text: str) -> list[str]:
    """Return the lines that are not blank, without their ends, and without what names one run."""
    return [RUN.sub("RUN", line.rstrip()) for line in text.splitlines() if line.strip()]


@pytest.mark.skipif(shutil.which("bash") is None, reason="the page is for a Unix shell")
def test_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 5
    found = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    environment = {**os.environ, "PATH": found, "HARNESS_STORE": str(tmp_path / "store"), "COLUMNS": "120"}
    for commands, shown in blocks:
        done = subprocess.run(
            ["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        said = done.stdout + "".join(line for line in done.stderr.splitlines(True) if line.startswith("harness:"))
        assert plain(said) == plain(shown), done.stderr
