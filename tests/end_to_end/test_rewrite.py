"""Rewriters in a suite: what they are wired to, what is refused, what is recorded, and who is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness.artifacts.drafts import Draft, Drafts
from harness.artifacts.model import Model
from harness.artifacts.run import Run
from harness.artifacts.text import Queries
from harness.errors import SuiteError, UserError
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.latency.opener import open_systems
from harness.models.generator import Generator
from harness.plan import Plan, answer_nodes
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Node, Runtime
from harness.stage.node import read_as, side_of
from harness.store import Store
from harness.suite import load_suite
from tests.conftest import WORDS
from tests.makers.language_models import save_language_model
from tests.makers.served import KEY, Served, serve

Write = Callable[..., Path]
QUERIES = Queries.of([("q1", "red fox"), ("q2", "blue owl"), ("q3", "quick hen")])
LM = "models: {lm: {path: lm/model, precision: fp32}}"
HASHED = "{encode: hashing, dim: 64}, {index: flat}"
HYDE = "{rewrite: hyde, model: lm, n: 2, max_tokens: 8}"
MULTI = "{rewrite: multi_query, model: lm, n: 2, max_tokens: 8}"
PROMPT = '{rewrite: prompt, model: lm, instruction: "Keywords of {query}:", max_tokens: 8}'


@pytest.fixture
def language_model(tmp_path: Path) -> Path:
    return save_language_model(tmp_path / "lm", WORDS)


def laid(suite: Path) -> tuple[Plan, Store]:
    return prepare_plan(suite, None, None, suite.parent / "store", "cpu", fetch=True)


def nodes(plan: Plan, system: str) -> list[Node]:
    target = next(target for target in plan.targets if target.system == system)
    return list(answer_nodes(target.run))


def words(plan: Plan, system: str) -> list[str]:
    return [node.name for node in nodes(plan, system) if node.stage.role != "source"]


def test_drafts_are_lines_that_a_person_can_read(tmp_path: Path) -> None:
    drafts = Drafts([Draft("q1", "why?", ("Darum.\nÄh", "b"), tokens=3), Draft("q2", "c", ("d",), ("1. d",))])
    drafts.save(tmp_path)
    lines = (tmp_path / "drafts.jsonl").read_text("utf-8").splitlines()
    assert lines[0] == '{"id": "q1", "query": "why?", "texts": ["Darum.\\nÄh", "b"], "tokens": 3}'
    assert json.loads(lines[1]) == {"id": "q2", "query": "c", "texts": ["d"], "replies": ["1. d"]}
    assert Drafts.load(tmp_path).entries == drafts.entries


def test_hyde_encodes_drafts_as_documents_by_the_encoder_of_the_suite(write_suite: Write, language_model: Path) -> None:
    plan, _ = laid(write_suite(f"  hyde: [{HYDE}, {HASHED}]\n  dense: [{HASHED}]", LM))
    hyde = nodes(plan, "hyde")
    mean = next(node for node in hyde if node.stage.name == "mean")
    assert [node.stream[0].stage.name for node in mean.stream] == ["queries", "document", "document"]
    assert mean.stream[0] in nodes(plan, "dense"), "the query's own vector is that of every other system"
    index = next(node for node in hyde if node.stage.role == "index")
    assert index in nodes(plan, "dense")
    one = plan.targets[0].chain
    assert one.search_queries == (mean,) and one.queries.stage.name == "queries"


def test_drafts_are_encoded_for_queries_and_read_as_documents(write_suite: Write, language_model: Path) -> None:
    plan, _ = laid(write_suite(f"  hyde: [{HYDE}, {HASHED}]", LM))
    encoders = [node for node in nodes(plan, "hyde") if node.stage.role == "encode"]
    found = sorted((side_of(node), read_as(node)) for node in encoders)
    assert found == [("document", "document"), *[("query", "document")] * 2, ("query", "query")]


def test_each_wording_is_searched_with_and_the_runs_are_fused(write_suite: Write, language_model: Path) -> None:
    alone = MULTI.replace("}", ", with_query: false, k: 5}")
    plan, _ = laid(write_suite(f"  all: [{MULTI}, {{index: bm25}}]\n  alone: [{alone}, {HASHED}]", LM))
    fused = next(target.run for target in plan.targets if target.system == "all")
    assert fused.stage.model_dump() == {"k": 60, "weights": None, "depth": 20}
    assert [run.stream[0].stage.name for run in fused.stream] == ["queries", "query", "query"]
    other = plan.targets[1].run
    assert other.stage.model_dump()["k"] == 5 and len(other.stream) == 2
    drafts = [node.fingerprint for target in plan.targets for node in answer_nodes(target.run) if node.gives is Drafts]
    assert len(set(drafts)) == 1, "what only the plan reads asks nothing again"


def test_a_prompt_replaces_the_query_for_all_that_follows(write_suite: Write, language_model: Path) -> None:
    reranked = f"[{PROMPT}, {{index: bm25}}, {{rerank: dense, model: lm, depth: 5}}]"
    plan, _ = laid(write_suite(f"  keywords: {reranked}", LM))
    asked = next(node for node in nodes(plan, "keywords") if node.stage.role == "draft")
    assert {node.stage.role for node in nodes(plan, "keywords") if asked in node.stream} == {"search", "encode"}
    assert plan.targets[0].chain.queries.stage.name == "queries", "those of the data set are still known"


def test_one_wording_alone_is_what_is_encoded(write_suite: Write, language_model: Path) -> None:
    one = MULTI.replace("n: 2", "n: 1, with_query: false")
    plan, _ = laid(write_suite(f"  dense: [{one}, {HASHED}]\n  lexical: [{one}, {{index: bm25}}]", LM))
    dense, lexical = (target.run.stream[0] for target in plan.targets)
    assert dense.stream[0].stage.name == lexical.stage.name == "query"


def test_instructions_may_stand_in_a_matrix(write_suite: Write) -> None:
    matrix = 'matrix: {n: [2, 3], instruction: ["{n} of {query}", "Say {query}"]}'
    stages = '[{rewrite: multi_query, model: lm, n: "{n}", instruction: "{instruction}"}, {index: bm25}]'
    suite = load_suite(write_suite(f'  "w{{n}}-{{instruction}}":\n    {matrix}\n    stages: {stages}', LM))
    said = {
        (step.use.n, step.instruction) for one in suite.systems.values() for step in [one.steps[0].stages["rewrite"]]
    }
    assert said == {(n, text) for n in (2, 3) for text in ("{n} of {query}", "Say {query}")}


def test_a_rewriter_may_stand_behind_a_prompt(write_suite: Write, language_model: Path) -> None:
    plan, _ = laid(write_suite(f"  both: [{PROMPT}, {HYDE}, {HASHED}]", LM))
    drafts = [node for node in nodes(plan, "both") if node.gives is Drafts]
    assert [node.stage.name for node in drafts] == ["prompt", "hyde"]
    assert drafts[1].stream[0].stage.name == "query"


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        (f"[{HYDE}, {{index: bm25}}]", "'index: bm25' takes Queries, not Drafts"),
        (f"[{HYDE}, {{reduce: truncate, dim: 8}}]", "'reduce: truncate' takes Vectors, not Corpus"),
        (f"[{HYDE}, {PROMPT}, {HASHED}]", "'rewrite: prompt' takes Queries, not Drafts"),
        (f"[{MULTI}, {PROMPT}, {HASHED}]", "'rewrite: prompt' takes Queries, not the several of the rewriter before"),
        (f"[{{encode: hashing}}, {HYDE}, {{index: flat}}]", "'rewrite: hyde' takes Queries, not Vectors"),
        (f"[{{index: bm25}}, {MULTI}]", "'rewrite: multi_query' takes Queries, not a Run"),
        (f"[{MULTI}, {{from: bm25}}]", "'from: bm25' must be the first step of a system"),
        (f"[{PROMPT}, {{fuse: rrf, of: [bm25]}}]", "'fuse: rrf' must be the first step of a system"),
        (f"[{HYDE}, {{encode: late, model: lm}}, {{index: late}}]", "averaged as Vectors, not as the TokenVectors of"),
        (f"[{HYDE}, {{encode: sparse, model: lm}}, {{index: inverted}}]", "averaged as Vectors, not as the SparseVec"),
        (f"[{MULTI}, {{encode: late, model: lm}}, {{index: flat}}]", "'index: flat' takes .* not TokenVectors"),
    ],
)
def test_wrong_wiring_is_refused_with_the_types(
    chain: str, message: str, write_suite: Write, language_model: Path
) -> None:
    with pytest.raises(SuiteError, match=message) as caught:
        laid(write_suite(f"  bm25: [{{index: bm25}}]\n  wrong: {chain}", LM))
    assert "toy.yaml:" in str(caught.value)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{rewrite: hyde}", "'rewrite: hyde' needs a model: model: NAME, or base_url and model of an endpoint"),
        (
            "{rewrite: hyde, base_url: 'http://x/v1'}",
            "set both base_url and model of an OpenAI-compatible endpoint, or neither",
        ),
        ("{rewrite: hyde, model: gpt}", "the suite has no model 'gpt'"),
        ("{rewrite: prompt, model: lm}", "'rewrite: prompt' needs the setting 'instruction'"),
        ("{rewrite: prompt, model: lm, instruction: Keywords}", "an instruction must contain {query}, .*'Keywords'"),
        ("{rewrite: hyde, model: lm, temperature: 0}", "at temperature: 0 all n: 8 drafts would be the same"),
        ("{rewrite: hyde, model: lm, drafts: 4}", "'rewrite: hyde' has no setting 'drafts'"),
        ("{rewrite: hide, model: lm}", "unknown stage 'rewrite: hide'; did you mean 'hyde'"),
        ("{draft: mean}", "a stage must name exactly one role"),
    ],
)
def test_wrong_settings_are_one_message(step: str, message: str, write_suite: Write) -> None:
    with pytest.raises(SuiteError, match=message) as caught:
        load_suite(write_suite(f"  wrong: [{step}, {HASHED}]", LM))
    assert "\n" not in str(caught.value)


def test_without_a_model_it_says_so() -> None:
    for name in ("hyde", "multi_query"):
        with pytest.raises(UserError, match=r"needs a language model: one of the suite's .* or base_url") as caught:
            STAGES[f"rewrite/{name}"]().open(Runtime(), None)
        assert "\n" not in str(caught.value)


def test_what_is_no_language_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"^rewrite: hyde: the language model '.*' cannot be loaded"):
        STAGES["rewrite/hyde"]().open(Runtime(), Model(str(tmp_path)))


def test_a_prompt_too_long_for_the_model_is_an_error(tmp_path: Path) -> None:
    model = Model(str(save_language_model(tmp_path, WORDS, positions=16)))
    stage = STAGES["rewrite/prompt"](instruction="{query} vector", max_tokens=8)
    ask = stage.open(Runtime(), model)
    ask(QUERIES)
    with pytest.raises(UserError, match="a prompt of 13 tokens plus max_tokens: 8 exceed the model's limit of 16"):
        ask(Queries.of([("q", "index " * 12)]))


def test_drafts_are_recorded_beside_the_results(write_suite: Write, language_model: Path, tmp_path: Path) -> None:
    suite = write_suite(f"  hyde: [{HYDE}, {HASHED}]\n  keywords: [{PROMPT}, {{index: bm25}}]", LM)
    found = harness.run(suite, results=tmp_path / "results", reports=tmp_path / "reports", store=tmp_path / "store")
    assert found.run["status"] == "complete"
    hyde, keywords = found.run["rewritten"]
    assert hyde["systems"] == ["hyde"] and hyde["model"] == "lm" and hyde["queries"] == 12
    assert keywords["instruction"] == "Keywords of {query}:"
    lines = [json.loads(line) for line in (found.folder / hyde["file"]).read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == [f"q{number:03}" for number in range(12)]
    assert all(len(line["texts"]) <= 2 and line["tokens"] >= 2 for line in lines)
    assert sum(len(line["texts"]) < 2 for line in lines) == hyde["short"]
    tokens = {row.stage: row.value for row in found.measurements if row.quantity == "written_tokens"}
    assert tokens["rewrite/hyde"] == pytest.approx(np.mean([line["tokens"] for line in lines]))
    asked = {one["stage"]: one["query"] for one in found.run["systems"]["keywords"]["prompts"]}
    assert asked == {"rewrite: prompt": {"text": "Keywords of {query}:", "from": "suite"}}
    page = next((tmp_path / "reports").rglob("report.md")).read_text("utf-8")
    assert "Rewritten queries" in page and hyde["file"] in page and "Keywords of {query}:" in page


@pytest.fixture
def served() -> Iterator[Served]:
    def write(messages: list[dict[str, str]]) -> str:
        query = re.findall(r"Question: (.*)", messages[-1]["content"])[0]
        return f"<think>hm</think>1. {query} one\n2. {query} two" if "owl" not in query else ""

    with serve(write=write) as served:
        yield served


def rewriter(word: str, served: Served, **settings: Any) -> Any:
    return STAGES[f"rewrite/{word}"](base_url=served.url, model="tiny", **settings)


def test_an_endpoint_writes_and_its_bill_is_kept(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    runtime = Runtime()
    stage = rewriter("hyde", served, n=2, max_tokens=9, key="LOOPBACK_KEY", usd_per_1m_input_tokens=1.0)
    drafts = stage.open(runtime, None)(QUERIES)
    assert drafts.entries[0].texts == ("1. red fox one\n2. red fox two",) * 2
    assert drafts.entries[1].texts == () and drafts.entries[1].text(0) == "blue owl"
    assert [sorted(one["seed"] for one in served.requests)] == [[0, 0, 0, 1, 1, 1]]
    assert {one["temperature"] for one in served.requests} == {0.7}
    assert set(served.keys) == {f"Bearer {KEY}"}
    paid = runtime.bill.total
    assert (paid.answers, paid.malformed) == (3, 1) and paid.tokens > 0 and paid.usd > 0
    assert "identified only by its name" in stage.caveat and stage.service
    local = STAGES["rewrite/hyde"]()
    assert local.caveat is None and not local.service
    assert stage.recipe["settings"]["precision"] is None and KEY not in json.dumps(stage.recipe)


def test_wordings_are_the_numbered_lines_of_one_answer(served: Served) -> None:
    pytest.importorskip("openai")
    runtime = Runtime()
    drafts = rewriter("multi_query", served, n=3).open(runtime, None)(QUERIES)
    assert len(served.requests) == 3
    assert "Write 3 different search queries" in served.requests[0]["messages"][0]["content"]
    assert drafts.entries[0].texts == ("red fox one", "red fox two")
    assert drafts.entries[0].replies == ("1. red fox one\n2. red fox two",)
    assert drafts.entries[0].text(2) == "red fox", "the query itself stands for what is missing"
    assert runtime.bill.total.malformed == 3


def test_the_query_may_stand_before_its_text() -> None:
    drafts = Drafts([Draft("q1", "red fox", ("A den.",)), Draft("q2", "owl", ())], range(4, 6))
    asked = STAGES["draft/query"](number=0, repeat_query=2).open(Runtime())(drafts)
    assert asked.texts == ["red fox red fox A den.", "owl owl owl"] and asked.rows == range(4, 6)


def test_a_lap_has_its_drafts_written_anew_and_an_endpoint_is_left_out(
    write_suite: Write, language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "{rewrite: hyde, base_url: 'http://127.0.0.1:9/v1', model: gpt}"
    suite = write_suite(f"  local: [{HYDE}, {HASHED}]\n  served: [{endpoint}, {HASHED}]", LM)
    plan, store = prepare_plan(suite, ["local"], None, suite.parent / "store", "cpu", fetch=True)
    assert not execute(plan, store, Runtime(), Silent()).failed
    written: list[str] = []
    honest = Generator.write

    def watched(generator: Generator, prompt: str, *said: Any) -> Any:
        written.append(prompt)
        return honest(generator, prompt, *said)

    monkeypatch.setattr(Generator, "write", watched)
    plan, store = laid(suite)
    (system,), left_out = open_systems(plan, plan.targets, store, Runtime())
    assert not system.stages[system.stage_names.index("rewrite/hyde")].releases_gil
    assert left_out["toy", "served"].startswith("'rewrite: hyde' calls a service")
    for _ in range(2):
        system.lap(3)
    assert len(written) == 2 and len(set(written)) == 1
    found, run = system.batch(slice(0, 5)), store.load(system.fingerprint, Run)
    assert (found.documents == run.documents[:5]).all()
