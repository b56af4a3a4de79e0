"""The suites of published models: pinned to commits that others record, planned offline, plain about fetching."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.registry import STAGES

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("models-*.yaml"))
Harness = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=SUITES, ids=lambda path: path.stem)
def suite(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    word = path.stem.removeprefix("models-")
    if f"encode/{word}" not in STAGES.names():
        pytest.skip(f"'encode: {word}' is not registered")
    return path


def models(suite: Path) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(suite.read_text())["models"]
    return said


def test_it_plans_offline_and_says_what_is_fetched(suite: Path, harness: Harness, tmp_path: Path) -> None:
    assert "FETCHED AT RUN TIME" in suite.read_text().split("name:")[0]
    nowhere = {"HF_HOME": str(tmp_path / "hub"), "IR_DATASETS_HOME": str(tmp_path / "ir"), "HF_HUB_OFFLINE": "1"}
    nowhere |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = harness("plan", suite, "--json", **nowhere)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    notes = "\n".join(document["notes"])
    for name in models(suite):
        assert f"the model {name!r}" in notes and "is not on this machine; it is fetched when the suite runs" in notes
    assert "unpinned" not in notes
    stated = {said["model"] for said in document["prompts"]}
    assert stated == set(models(suite)), "the prompts of every model are stated"


@pytest.mark.slow
def test_its_revisions_are_those_that_mteb_records(suite: Path) -> None:
    """Mteb pins the commit of every model that it evaluates: a public source for ours."""
    pytest.importorskip("mteb")
    names = [model["path"] for model in models(suite).values()]
    code = f"import mteb\nfor name in {names}: print(mteb.get_model_meta(name).revision)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [model["revision"] for model in models(suite).values()]
