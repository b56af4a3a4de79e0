"""The names of the tests are the same in every process: workers that share the tests refuse to begin otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile("0x[0-9a-f]{6,}")
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/)\]])/\w[\w.-]*/")
"""What follows a name or a dot is the rest of a relative path, and what follows `:/` is part of a URL."""


def collected(hash_seed: str) -> list[str]:
    """Collect all tests in a process of its own and return their names in order."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    options = ["--collect-only", "-q", "-o", "addopts=--doctest-modules", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        env=inherited | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def of_one_process(name: str) -> bool:
    return bool(ADDRESS.search(name) or ABSOLUTE_PATH.search(name))


@pytest.mark.slow
def test_the_names_of_tests_are_the_same_in_every_process() -> None:
    names = collected(hash_seed="1")
    time.sleep(1)  # so that a name that holds the time of its making differs
    assert collected(hash_seed="2") == names
    assert not list(filter(of_one_process, names))


def test_addresses_and_absolute_paths_are_recognised() -> None:
    assert of_one_process("a.py::test_a[<function f at 0x7f00aabbcc>]")
    assert of_one_process("a.py::test_a[/tmp/x/y]") and of_one_process("a.py::test_a[one-/home/u]")
    assert not of_one_process("tests/unit/a.py::test_a[encode/dense/x-https://host/page]")
