"""run.json as typed classes: every key is kept, what is missing is empty, and damage is named by file and key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.results import Results
from harness.results.facts import MachineFacts, RunFacts, SuiteFacts, SystemFacts
from harness.results.latency_facts import LatencyFacts
from harness.results.left_out import LeftOut
from harness.verify import verify
from tests.unit.results.made_laps import BM25, DENSE, Made
from tests.unit.results.made_results import make

ROOT = Path(__file__).parents[3]
STORED = sorted((ROOT / "results").glob("scifact/*/run.json"))


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.parent.name)
def test_a_stored_result_is_read_and_written_again_unchanged(file: Path) -> None:
    text = file.read_text("utf-8")
    facts = RunFacts.read(json.loads(text), file)
    assert json.dumps(facts.document(), indent=1, ensure_ascii=False) + "\n" == text
    assert facts.systems["hybrid"].stages == [{"fuse": "rrf", "of": ["bm25", "dense"], "k": 60}]
    assert facts.datasets["scifact"].documents == 5183
    assert facts.models["minilm"].settings == {"max_length": 256, "trust_remote_code": False}


def test_there_is_a_stored_result() -> None:
    assert STORED


def test_keys_keep_their_order_and_unknown_ones_are_kept() -> None:
    document = {
        "latency": {"toy": {"server": {}, "offline": {"batch_sizes": [1]}, "threads": 2, "left_out": {"a": "b"}}},
        "of_tomorrow": {"x": [1]},
        "machine": {"of_tomorrow": 1, "id": "m"},
    }
    assert json.dumps(RunFacts.read(document, Path("run.json")).document()) == json.dumps(document)


def test_a_writer_builds_the_same_document() -> None:
    facts = RunFacts(
        suite=SuiteFacts(name="toy", file="toy.yaml"),
        machine=MachineFacts.model_validate({"id": "m", "gpus": ("H100",)}),
        systems={"a": SystemFacts(stages=[{"index": "bm25"}], provenance="index bm25")},
    )
    assert facts.document() == {
        "suite": {"name": "toy", "file": "toy.yaml"},
        "machine": {"id": "m", "gpus": ["H100"]},
        "systems": {"a": {"stages": [{"index": "bm25"}], "provenance": "index bm25"}},
    }


def test_what_an_older_result_lacks_is_empty() -> None:
    facts = RunFacts.read({"format": 1}, Path("run.json"))
    assert (facts.run, facts.suite.name, facts.machine.id, facts.files.runs) == (None, None, None, {})
    assert (facts.measures, facts.checks, facts.tuned, facts.latency) == ([], [], [], {})


def test_older_forms_of_latency_are_read() -> None:
    facts = LatencyFacts.model_validate({"left_out": {"bm25": "why"}, "energy": "n/a: no counters"})
    assert facts.left_out == LeftOut(systems={"bm25": "why"})
    assert facts.energy is not None and facts.energy.status == "n/a: no counters"


CHECK = {"dataset": "toy", "system": "bm25", "quantity": "nDCG@10", "expected": 0.6, "within": 0.01, "value": 0.6}
SERVED = {"highest": {"low": 1, "high": None}, "offers": [{"rate": 1, "requests": 500}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suite": []}, r"'suite' must hold an object, not \[\]"),
        ({"systems": []}, r"'systems' must hold an object, not \[\]"),
        ({"models": "x"}, "'models' must hold an object, not 'x'"),
        ({"datasets": {"toy": None}}, r"'datasets\.toy' must hold an object, not None"),
        ({"datasets": {"toy": {"documents": "5"}}}, r"'datasets\.toy\.documents' must hold a whole number, not '5'"),
        ({"checks": {"a": 1}}, "'checks' must hold a list"),
        ({"checks": [{**CHECK, "status": "met", "within": "1"}]}, r"'checks\.0\.within' must hold a number, not '1'"),
        ({"checks": [CHECK]}, r"'checks\.0\.status' is missing"),
        ({"measures": [1]}, r"'measures\.0' must hold a string, not 1"),
        ({"models": {"m": {"pinned": 1}}}, r"'models\.m\.pinned' must hold true or false, not 1"),
        ({"latency": "x"}, "'latency' must hold an object, not 'x'"),
        ({"latency": {"toy": None}}, r"'latency\.toy' must hold an object, not None"),
        ({"latency": {"toy": {"again": 3}}}, r"'latency\.toy\.again' must hold an object, not 3"),
        ({"latency": {"toy": {"left_out": []}}}, r"'latency\.toy\.left_out' must hold an object, not \[\]"),
        ({"latency": {"toy": {"queries": "many"}}}, r"'latency\.toy\.queries' must hold a whole number, not 'many'"),
        ({"latency": {"toy": {"noise_floor": True}}}, r"'latency\.toy\.noise_floor' must hold a number, not True"),
        ({"latency": {"toy": {"server": 1}}}, r"'latency\.toy\.server' must hold an object, not 1"),
        ({"latency": {"toy": {"server": {"systems": {"a": SERVED}}}}}, r"\.server' must hold a 'timeout_ms', because"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_one_error_with_file_and_key(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = make(tmp_path / "run", **changes)
    with pytest.raises(UserError, match=rf"run/run\.json: damaged: the key .*{message}") as caught:
        Results.load(folder)
    assert "\n" not in str(caught.value)
    assert any(re.search(message, str(finding)) for finding in verify(folder).differs)


def test_latency_is_read_with_its_types(tmp_path: Path) -> None:
    facts = Made(BM25 | DENSE, left_out=LeftOut({"a": "why"})).write(tmp_path / "run").facts.latency["toy"]
    assert (facts.reference, facts.queries, facts.inconclusive) == ("bm25", 40, False)
    assert facts.again is not None and facts.again.ratio == 1.002
    assert facts.warm_up is not None and facts.warm_up.stopped == "steady"
    assert facts.all_left_out == [(None, LeftOut({"a": "why"})), ("energy", LeftOut())]
