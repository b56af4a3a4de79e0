"""The result that lies in the repository is what it says it is, and its report is drawn from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.results import Results
from harness.verify import verify

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "results" / "scifact").glob("2*"))


def test_there_is_one() -> None:
    assert len(EXAMPLES) == 1


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_it_holds(folder: Path) -> None:
    verdict = verify(folder)
    assert not verdict.differs and not verdict.unchecked, verdict.text()
    results = Results.load(folder)
    assert [check["status"] for check in results.run["checks"]] == ["met"] * 4
    page = ROOT / "reports" / "scifact" / folder.name / "report.html"
    assert f"{results.value('scifact', 'dense-fp32', 'nDCG@10'):.4f}" in page.read_text("utf-8")
