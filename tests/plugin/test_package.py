"""A package of someone else, really installed: its index, searcher, measure and data set are as good as ours."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.results import Results

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).with_name("package")
FILES = sorted((PACKAGE / "retrieval_extras").glob("[!_]*.py"))
SUITE = """
name: capitals
datasets: {capitals: {source: capitals}}
measures: [AllFound@2, Success@2]
systems:
  bm25: [{index: bm25}]
  manhattan: [{encode: hashing, dim: 64}, {index: manhattan}]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package, without the network, into a folder of its own."""
    if importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("pip and hatchling, which the test extra brings, are needed to install a package")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PACKAGE, folder / "source")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", folder / "site"]
    subprocess.run([*command, folder / "source"], check=True)
    return folder / "site"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_takes_less_than_25_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 25


def test_a_suite_uses_all_of_it(
    site: Path, harness: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "capitals.yaml").write_text(SUITE)
    listed = json.loads(harness("list", "stages", "--json", PYTHONPATH=str(site)).stdout)
    assert "index: manhattan" in {stage["name"] for stage in listed}
    done = harness("run", "capitals.yaml", PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    results = Results.load(next((tmp_path / "results" / "capitals").iterdir()))
    values = {(row.system, row.quantity): row.value for row in results.measurements if row.stage is None}
    assert values["bm25", "AllFound@2"] == values["bm25", "Success@2"] == 1  # one document is relevant to each query
    assert values["manhattan", "AllFound@2"] == values["manhattan", "Success@2"]
    assert harness("verify", results.folder, PYTHONPATH=str(site)).returncode == 0


def test_without_it_the_suite_says_what_is_missing(
    harness: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "capitals.yaml").write_text(SUITE)
    refused = harness("plan", "capitals.yaml")
    assert refused.returncode == 2 and "capitals" in refused.stderr and "Traceback" not in refused.stderr


def test_the_contract_tests_run_on_it_without_a_line(site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/contract", "-k", "manhattan"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout


@pytest.mark.parametrize("file", [*FILES, PACKAGE / "pyproject.toml"], ids=lambda file: file.name)
def test_the_page_shows_the_very_files(file: Path) -> None:
    language = {".py": "python", ".toml": "toml"}[file.suffix]
    assert f"```{language}\n{file.read_text()}```" in (ROOT / "docs" / "plugins.md").read_text()
