"""The words under `latency`: their defaults, and one sentence with its place for every mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import SuiteError
from harness.suite import load_suite
from harness.suite.schema import suite_schema

Write = Callable[..., Path]


def test_without_the_word_nothing_is_timed(write_suite: Write) -> None:
    assert load_suite(write_suite()).latency is None


def test_an_empty_block_takes_the_defaults(write_suite: Write) -> None:
    words = load_suite(write_suite(head="latency: {}")).latency
    assert words is not None
    assert (words.systems, words.queries, words.modes, words.reference) == (("*",), 200, ("single",), None)
    assert words.offline.batch_sizes == (1, 32)
    assert words.timed("bm25")


def test_patterns_choose_systems(write_suite: Write) -> None:
    head = "latency: {systems: [bm25, 'dense-*'], reference: dense-64, modes: [single, server], server: {workers: 2}}"
    words = load_suite(write_suite(head=head)).latency
    assert words is not None
    systems = ("bm25", "tfidf", "dense-64", "dense-32")
    assert [name for name in systems if words.timed(name)] == ["bm25", "dense-64", "dense-32"]
    assert words.server.workers == 2 and words.server.p99_ms == 100
    one = load_suite(write_suite(head="latency: {systems: bm25}")).latency
    assert one is not None and one.systems == ("bm25",)
    alone = load_suite(write_suite(head="latency: {modes: server}")).latency
    assert alone is not None and alone.modes == ("server",)


WRONG = {
    "word": ("{querys: 5}", "toy.yaml:2:11: unknown key 'querys'; did you mean 'queries'?"),
    "inner word": ("{offline: {batchsizes: [1]}}", "did you mean 'batch_sizes'?"),
    "pattern": ("{systems: [bm52]}", "toy.yaml:2:21: latency: no system matches 'bm52'; did you mean 'bm25'?"),
    "reference": (
        "{reference: bm52}",
        "latency: the reference 'bm52' is not a timed system; did you mean 'bm25'?",
    ),
    "untimed reference": ("{systems: bm25, reference: tfidf}", "is not a timed system; known: 'bm25'"),
    "mode": ("{modes: [singel]}", "modes: unknown mode 'singel'; did you mean 'single'?"),
    "mode alone": ("{modes: singel}", "modes: unknown mode 'singel'; did you mean 'single'?"),
    "mode twice": ("{modes: [single, server, single]}", "modes: the mode 'single' is listed twice"),
    "number": ("{queries: 0}", "queries: Input should be greater than or equal to 1, found 0"),
    "sizes": ("{offline: {batch_sizes: [8, 8]}}", "batch_sizes: batch sizes must be distinct and at least 1"),
    "nothing": ("", "latency: say {} for the defaults"),
    "no words": ("true", "latency: say {} for the defaults"),
}


@pytest.mark.parametrize(("block", "message"), WRONG.values(), ids=list(WRONG))
def test_a_mistake_is_one_sentence_with_its_place(write_suite: Write, block: str, message: str) -> None:
    with pytest.raises(SuiteError) as error:
        load_suite(write_suite(head=f"latency: {block}"))
    assert message in str(error.value)
    assert "toy.yaml:2" in str(error.value)


def test_editors_learn_the_words() -> None:
    said = suite_schema()
    assert {"$ref": "#/$defs/Latency"} in said["properties"]["latency"]["anyOf"]
    assert set(said["$defs"]["Latency"]["properties"]) >= {"systems", "queries", "reference", "modes", "server"}
