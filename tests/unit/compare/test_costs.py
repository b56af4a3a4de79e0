"""The arithmetic of cost, worked out by hand: one CPU host, one GPU host, one API encoder, and what has no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.compare.costs import LOWER, TOKENS_ONLY, Costs, costs
from harness.prices import Prices
from harness.results import Measurement, Results

DOCUMENTS = 2000
CPU = {"host": "0.36 USD/h"}  # 0.36 / 3,600 = 0.0001 USD/s
GPU = {"hosts": {"a": {"price": "0.72 USD/h"}}, "host": "a", "gpu": "2.88 USD/h"}  # 3.60 / 3,600 = 0.001 USD/s
API = {**CPU, "models": {"embedder": {"input": "0.02 USD/1M tokens"}}}


def row(quantity: str, value: float, stage: str | None = None, n: int | None = None, **more: Any) -> Measurement:
    return Measurement("toy", "one", stage, quantity, value, n=n, **{"machine": "here", "fingerprint": stage, **more})


# 100 documents/s x 20 s; the flat index depends on the model, the other does not
ENCODED = [row("encode_rate", 100, "encode/dense", DOCUMENTS), row("reindex_seconds", 20, "encode/dense", DOCUMENTS)]
BUILT = [row("build_seconds", 3, "index/bm25"), row("build_seconds", 2, "index/flat")]
FLAT = [row("reindex_seconds", 2, "index/flat")]
TIMED = [row("latency_mean", 5)]


def cost(rows: list[Measurement], prices: dict[str, Any], device: str = "cpu", **said: Any) -> Costs:
    run = {"machine": {"id": "here"}, "runtime": {"device": device}, "datasets": {"toy": {"documents": DOCUMENTS}}}
    return costs(Results(Path("made"), {**run, **said}, tuple(rows)), Prices.model_validate(prices))["toy", "one"]


def test_a_cpu_host() -> None:
    found = cost(ENCODED + BUILT + FLAT + TIMED, CPU)
    # a query: 0.005 s x 0.0001 USD/s = 5e-7 USD, a million of them 0.50 USD
    assert found.per_1m_queries == pytest.approx(0.50)
    assert (found.basis, found.utilisation) == (LOWER, None)
    # 20 s of encoding + 3 s + 2 s of building = 25 s x 0.0001 USD/s = 0.0025 USD for 2,000 documents
    assert found.index_build == pytest.approx(0.0025)
    # 0.0025 USD / 2,000 x 1,000,000 = 1.25 USD
    assert found.per_1m_documents == pytest.approx(1.25)
    # another model: 20 s + 2 s = 22 s x 0.0001 USD/s; BM25 stays
    assert found.reindex == pytest.approx(0.0022)
    assert found.per_month is None
    assert not found.notes


def test_a_gpu_host() -> None:
    on_gpu = [
        row("latency_mean", 8),
        row("encode_rate", 4000, "encode/dense", DOCUMENTS),  # 0.5 s
        row("gpu_seconds", 0.5, "encode/dense"),
        row("reindex_seconds", 0.5, "encode/dense"),
        row("build_seconds", 1.5, "index/flat"),
        row("gpu_seconds", 1.5, "index/flat"),
        row("reindex_seconds", 1.5, "index/flat"),
    ]
    found = cost(on_gpu, GPU, device="cuda")
    # a query: 0.008 s x (0.72 + 2.88) USD/h / 3,600 s/h = 0.008 s x 0.001 USD/s = 8e-6 USD
    assert found.per_1m_queries == pytest.approx(8.0)
    # (0.5 s + 1.5 s) x 0.001 USD/s = 0.002 USD; for a million documents 500 times that
    assert found.index_build == found.reindex == pytest.approx(0.002)
    assert found.per_1m_documents == pytest.approx(1.0)
    # a host whose price holds its GPU: 1.80 USD/h = 0.0005 USD/s, half of it all
    included = {"hosts": {"a": {"price": "1.80 USD/h", "with_gpu": True}}, "host": "a"}
    found = cost(on_gpu, included, device="cuda")
    assert (found.per_1m_queries, found.index_build) == (pytest.approx(4.0), pytest.approx(0.001))


def test_what_a_gpu_made_is_priced_as_that_in_a_run_without_one() -> None:
    made = [row("encode_rate", 4000, "encode/dense", DOCUMENTS), row("gpu_seconds", 0.5, "encode/dense")]
    # 0.5 s x (0.72 + 2.88) USD/h / 3,600 s/h, though this run used the CPU; its queries 0.005 s x 0.72 / 3,600
    found = cost(made + TIMED, GPU)
    assert found.index_build == pytest.approx(0.0005)
    assert found.per_1m_queries == pytest.approx(1.0)


def test_an_api_encoder() -> None:
    tokens = [row("query_tokens", 12, "encode/api"), row("document_tokens", 150, "encode/api")]
    rows = [*tokens, row("encode_rate", 100, "encode/api", DOCUMENTS), row("build_seconds", 5, "index/flat")]
    rows += [row("reindex_seconds", 20, "encode/api"), row("reindex_seconds", 5, "index/flat")]
    asked = {"services": {"encode/api": "embedder"}}
    found = cost([*rows, row("latency_mean", 50)], API, **asked)
    # tokens: 12 tokens/query x 1,000,000 queries x 0.02 USD / 1,000,000 tokens = 0.24 USD
    # host, which waits: 0.050 s x 0.0001 USD/s x 1,000,000 = 5.00 USD
    assert found.per_1m_queries == pytest.approx(5.24)
    # 150 tokens x 2,000 documents = 300,000 tokens = 0.006 USD; host: 25 s x 0.0001 USD/s = 0.0025 USD
    assert found.index_build == found.reindex == pytest.approx(0.0085)
    # 0.0085 USD / 2,000 x 1,000,000 = 4.25 USD
    assert found.per_1m_documents == pytest.approx(4.25)
    alone = cost(rows, API, **asked)
    assert (alone.per_1m_queries, alone.basis) == (pytest.approx(0.24), TOKENS_ONLY)
    unknown = cost(rows, API, services={"encode/api": "another"})
    assert unknown.per_1m_queries is unknown.index_build is None
    assert unknown.notes == ("no price for the model 'another'",)


def test_drafts_are_priced_as_what_a_model_writes() -> None:
    rows = [row("query_tokens", 300, "rewrite/hyde"), row("written_tokens", 200, "rewrite/hyde"), *TIMED]
    asked = {"services": {"rewrite/hyde": "writer"}}
    prices = {**CPU, "models": {"writer": {"input": "0.15 USD/1M tokens", "output": "0.6 USD/1M tokens"}}}
    # (300 - 200) x 0.15 + 200 x 0.60 = 15 + 120 = 135 USD for a million queries, and 0.50 USD for the host
    assert cost(rows, prices, **asked).per_1m_queries == pytest.approx(135.5)
    mute = {**CPU, "models": {"writer": {"input": "0.15 USD/1M tokens"}}}
    assert cost(rows, mute, **asked).notes[0] == "no price for the tokens that the model 'writer' writes"
    # not counted apart: 300 x 0.15 = 45 USD, said to be so
    uncounted = cost([rows[0], *TIMED], prices, **asked)
    assert uncounted.per_1m_queries == pytest.approx(45.5)
    assert "priced as tokens it reads" in uncounted.notes[0]


def test_a_month_at_a_load() -> None:
    sizes = [row("index_bytes", 3e6), row("index_memory_bytes", 3e6)]
    load = {"queries_per_month": 2_628_000, "documents": 2_000_000}  # 1 query/s; 1,000 times the corpus measured
    prices = {
        "hosts": {"a": {"price": "0.36 USD/h", "memory_gb": 2}},
        "host": "a",
        "storage": {"price": "0.1 USD/GB-month"},
        "memory": {"price": "2 USD/GB-month"},
        "load": load,
    }
    found = cost(ENCODED + TIMED + sizes, prices)
    # one host, 0.36 USD/h x 730 h = 262.80; 3 MB x 1,000 = 3 GB x 0.10 = 0.30; 1 GB beyond the 2 GB x 2 = 2.00
    assert found.per_month == pytest.approx(262.80 + 0.30 + 2.00)
    assert found.basis == LOWER
    # without a price of memory the index does not fit
    tight = cost(ENCODED + TIMED + sizes, {**prices, "memory": None})
    assert tight.per_month is None
    assert tight.notes[-1] == "the month: the index takes 3 GB of memory, the host has 2 GB"


def test_vectors_that_a_reranker_reads_are_stored_as_large_as_they_are() -> None:
    vectors = {"stage": "rerank/late", "fingerprint": "v"}
    rows = [
        *TIMED,
        row("index_bytes", 1e6),
        row("artifact_bytes", 1e6, "index/bm25"),
        row("vector_bytes", 500, unit="bytes/passage", **vectors),
        row("artifact_bytes", 3e6, "encode/late", fingerprint="v"),
    ]
    prices = {**CPU, "storage": {"price": "100 USD/GB-month"}, "load": {"queries_per_second": 1}}
    # one host, 0.36 USD/h x 730 h = 262.80; 1 MB + 3 MB = 0.004 GB x 100 = 0.40, however many passages that are
    assert cost(rows, prices).per_month == pytest.approx(262.80 + 0.40)


def test_utilisation_comes_from_the_highest_rate_of_server_mode() -> None:
    served = [*TIMED, row("server_max_rate", 0.4)]
    found = cost(served, {**CPU, "load": {"queries_per_second": 1}})
    # 1 query/s takes 1 / 0.4 = 2.5, so 3 hosts, of which 1 / (3 x 0.4) = 83.3 % is used
    assert found.utilisation == pytest.approx(1 / 1.2)
    # 1 / 0.4 s/query / 0.833 x 0.0001 USD/s x 1,000,000 = 3 hosts / 1 query/s x 100 USD = 300 USD
    assert found.per_1m_queries == pytest.approx(300.0)
    assert found.basis == "at 1 queries/s"
    # 3 hosts x 0.36 USD/h x 730 h
    assert found.per_month == pytest.approx(788.40)
    # without a load: 1 / 0.4 = 2.5 s of a host x 0.0001 USD/s
    full = cost(served, CPU)
    assert full.per_1m_queries == pytest.approx(250.0)
    assert (full.basis, full.utilisation) == (f"{LOWER} of the highest rate within its bound", None)


def test_a_machine_without_a_price_gives_a_note_and_no_number() -> None:
    made = [row("build_seconds", 3, "index/bm25", machine="elsewhere"), *TIMED]
    found = cost(made, CPU)
    assert (found.per_1m_queries, found.index_build) == (pytest.approx(0.5), None)
    assert found.notes == ("no price for the machine elsewhere",)
    named = {**CPU, "hosts": {"b": {"price": "3.6 USD/h", "machines": ["elsewhere"]}}}
    assert cost(made, named).index_build == pytest.approx(0.003)  # 3 s x 0.001 USD/s
    assert cost(TIMED, {"storage": {"price": "1 USD/GB-month"}}).notes[0] == "no price for the machine here"
    assert cost(TIMED, CPU, device="cuda").notes[0] == "no price for the GPU of the machine here"


def test_what_was_not_measured_has_no_number() -> None:
    found = cost([row("index_bytes", 5)], {**CPU, "load": {"queries_per_second": 1}})
    assert (found.per_1m_queries, found.per_1m_documents, found.per_month, found.basis) == (None, None, None, "")
    assert found.notes == (
        "queries: the system was not timed",
        "documents: no time of an encoder or an index is recorded",
        "the month: the system was not timed",
    )
    old = cost([ENCODED[0]], CPU)  # a run of before: no row says what depends on the model
    assert old.reindex is None
    assert "re-indexing: the run does not say what depends on a model" in old.notes
    assert cost([BUILT[0]], CPU).reindex == 0


def test_the_currency_is_carried_through() -> None:
    found = cost(TIMED, {"host": "0.36 EUR/h"})
    assert dict(found.rows()) == {"eur_per_1m_queries": pytest.approx(0.5), "eur_reindex": 0}
    assert found.currency == "EUR"
