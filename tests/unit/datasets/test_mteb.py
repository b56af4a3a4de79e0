"""Tasks of mteb are read through its own classes and loader, here over local files."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest

from harness.datasets.mteb import Mteb
from harness.errors import DataError, MissingLibrary, UnknownName, UserError
from harness.registry import load_plugin
from harness.results import Results
from tests.conftest import write_collection
from tests.makers.local_tasks import from_beir, write_repository, write_task

pytest.importorskip("mteb", reason="mteb is an extra")

CORPUS = [{"id": "d1", "title": "On nets", "text": "They leak."}, {"id": "d2", "title": "", "text": " plain "}]
QUERIES = [{"id": "q1", "text": "leaks?"}, {"id": "q2", "text": "what is plain?"}, {"id": "q3", "text": "not judged"}]
QRELS = [
    {"query-id": "q1", "corpus-id": "d1", "score": 2},
    {"query-id": "q2", "corpus-id": "d2", "score": 0},
    {"query-id": "q9", "corpus-id": "d2", "score": 1},
]
ONE = {"corpus": {"corpus": CORPUS}, "queries": {"queries": QUERIES}, "default": {"test": QRELS}}


@pytest.fixture
def define(tmp_path, monkeypatch):
    """Define a task over files and return the data set; each test has names of its own, since classes stay."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def make(name: str, files=ONE, settings=None, **about) -> Mteb:
        folder = write_repository(tmp_path / name, files)
        load_plugin(write_task(tmp_path / f"{name}.py", name, folder, **about))
        return Mteb(task=name, **(settings or {}))

    return make


def test_a_task_is_read_as_mteb_loads_it(define):
    data = define("Plain")
    assert (data.corpus().ids, data.corpus().texts) == (["d1", "d2"], ["On nets They leak.", "plain"])
    assert (data.queries().ids, data.queries().texts) == (["q1", "q2"], ["leaks?", "what is plain?"])
    assert data.unjudged_queries() == 0, "mteb itself leaves them out"
    assert [tuple(row) for row in data.qrels()] == [("q1", "d1", 2), ("q2", "d2", 0)]


def test_what_a_reader_must_know_is_noted(define):
    data = define("Noted", prompt={"query": "Find it"}, ignore=True)
    notes = data.notes()
    assert notes[0].startswith("Noted (test) of mteb 2.") and notes[0].endswith(f"at revision {'a' * 40}")
    assert "Noted is a task of your own, defined in Noted.py" in notes
    assert any("here a model must set the prompt: query: 'Find it'" in note for note in notes)
    assert "judged queries of Noted without text, which are left out as in mteb: 1" in notes
    origin = data.origin()
    assert (origin["task"], origin["split"], origin["subset"]) == ("Noted", "test", "default")
    assert (origin["revision"], origin["languages"]) == ("a" * 40, ["eng-Latn"])
    assert (origin["main_score"], origin["candidates"]) == ("ndcg_at_10", False)
    json.dumps(origin)


def test_the_task_says_whether_identical_ids_are_ignored_unless_the_suite_does(define):
    assert define("Ignores", ignore=True).ignore_identical_ids is True
    assert define("Keeps").ignore_identical_ids is False
    said = define("Overruled", ignore=True, settings={"ignore_identical_ids": False})
    assert said.ignore_identical_ids is False
    assert "mteb has ignore_identical_ids: true for Overruled, and the suite sets the opposite" in said.notes()


def test_splits_and_subsets_are_chosen_by_name(define):
    languages = {"de": ["deu-Latn"], "fr": ["fra-Latn"]}
    files = {}
    for language in languages:
        files[f"{language}-corpus"] = {"test": [{"id": f"{language}1", "text": language}]}
        files[f"{language}-queries"] = {"test": [{"id": "q", "text": f"{language}?"}]}
        for split in ("dev", "test"):
            row = {"query-id": "q", "corpus-id": f"{language}1", "score": 1 + (split == "dev")}
            files.setdefault(f"{language}-qrels", {})[split] = [row]
    define("Spoken", files, languages=languages, splits=("dev", "test"))
    data = Mteb(task="Spoken", subset="fr", split="dev")
    assert (data.corpus().texts, list(data.qrels().grades)) == (["fr"], [2])
    assert Mteb(task="Spoken", subset="de").qrels().grades.tolist() == [1]
    assert data.origin()["languages"] == ["fra-Latn"]
    with pytest.raises(UserError, match=r"'Spoken' has several subsets: set `subset`; known: 'de', 'fr'"):
        Mteb(task="Spoken").corpus()
    with pytest.raises(UserError, match=r"'Spoken' has no subset 'it'; known: 'de', 'fr'"):
        Mteb(task="Spoken", subset="it").corpus()
    with pytest.raises(UserError, match=r"'Spoken' has no split 'tset'; did you mean 'test'\?"):
        Mteb(task="Spoken", subset="de", split="tset").corpus()


def test_instructions_follow_their_query_and_turns_are_joined(define):
    files = ONE | {
        "instruction": {"instruction": [{"query-id": q["id"], "instruction": "be brief"} for q in QUERIES]},
    }
    data = define("Instructed", files)
    assert data.queries().texts[0] == "leaks? be brief"
    assert "each query of Instructed is followed by its instruction" in data.notes()
    turns = [{"role": "user", "content": "nets?"}, {"role": "assistant", "content": "leak"}]
    spoken = ONE | {"queries": {"queries": [{"id": "q1", "text": turns}]}}
    assert define("Turns", spoken).queries().texts == ["user: nets?; assistant: leak"]


def test_candidates_of_a_reranking_task_are_noted(define):
    top = {"top_ranked": {"test": [{"query-id": "q1", "corpus-ids": ["d1"]}, {"query-id": "q2", "corpus-ids": ["d2"]}]}}
    data = define("Reranked", ONE | top, kind="Reranking")
    assert data.origin()["candidates"] and len(data.corpus()) == 2
    assert any("here all documents are searched, so that values differ from mteb's" in note for note in data.notes())


def test_unknown_tasks_and_tasks_of_another_kind():
    with pytest.raises(UnknownName, match=r"no retrieval task 'SciFakt'; did you mean 'SciFact'\?"):
        Mteb(task="SciFakt").corpus()
    with pytest.raises(UserError, match=r"'Banking77Classification' is a task of Classification; expected"):
        Mteb(task="Banking77Classification").corpus()
    with pytest.raises(
        UserError, match=r"'CQADupstackRetrieval' is the mean of several tasks; use each of them separately"
    ):
        Mteb(task="CQADupstackRetrieval").corpus()


def test_the_revision_may_be_asserted(define):
    define("Pinned")
    assert len(Mteb(task="Pinned", revision="a" * 40).corpus()) == 2
    with pytest.raises(UserError, match=rf"is at revision {'a' * 40}; the suite expects b"):
        Mteb(task="Pinned", revision="b" * 40).corpus()


def test_what_cannot_be_fetched_is_one_clear_error(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        UserError, match=r"mteb cannot load 'SciFact' \(default, test\) from mteb/scifact at revision d5"
    ):
        Mteb(task="SciFact").corpus()


def test_damage_is_refused(define, tmp_path, capfd):
    twice = define("Twice", ONE | {"corpus": {"corpus": [*CORPUS, CORPUS[0]]}})
    with pytest.raises(DataError, match="the id 'd1' appears more than once"):
        twice.corpus()
    with pytest.raises(DataError, match="no column 'text'; known:"):
        define("Pictures", ONE | {"corpus": {"corpus": [{"id": "d1", "image": "x"}]}}).corpus()
    with pytest.raises(DataError, match="the corpus of Nameless, row 2: an id must be text"):
        define("Nameless", ONE | {"corpus": {"corpus": [CORPUS[0], {"id": "", "title": "", "text": "x"}]}}).corpus()
    torn = define("Torn")
    (tmp_path / "Torn" / "corpus" / "corpus.jsonl").write_text('{"id": "d1", "text"')
    with pytest.raises(UserError, match=r"mteb cannot load 'Torn' .*JSON"):
        torn.corpus()
    assert capfd.readouterr() == ("", "")


def test_revision_moves_with_files_code_and_settings(define, tmp_path, monkeypatch):
    data = define("Moving")
    seen = {data.revision, Mteb(task="Moving").revision}
    assert len(seen) == 1 and data.at_hand
    seen |= {Mteb(task="Moving", split="test").revision}
    (tmp_path / "Moving" / "more.txt").write_text("x")
    seen |= {Mteb(task="Moving").revision}
    monkeypatch.setattr("harness.datasets.mteb.version", lambda name: "0")
    seen |= {Mteb(task="Moving").revision}
    assert len(seen) == 4
    assert not Mteb(task="SciFact").at_hand


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'retrieval-harness\[mteb\]'"):
        Mteb(task="Any").corpus()


SUITE = """
name: tasks
plugins: [Toy{task}.py]
datasets:
  task: {{source: mteb, task: Toy{task}}}
  beir: {{source: beir, path: toy}}
measures: [nDCG@10]
systems:
  bm25: [{{index: bm25}}]
"""


def test_a_suite_names_a_task_of_a_plug_in(tmp_path, harness):
    folder = from_beir(write_collection(tmp_path / "toy"), tmp_path / "hub")
    write_task(tmp_path / "ToySuite.py", "ToySuite", folder)
    (tmp_path / "suite.yaml").write_text(SUITE.format(task="Suite"))
    done = harness("run", "suite.yaml", HF_HOME=str(tmp_path / "hf"), MTEB_CACHE=str(tmp_path / "mc"))
    assert done.returncode == 0, done.stderr
    found = json.loads(next(tmp_path.glob("results/*/*/run.json")).read_text())["datasets"]
    for part in ("corpus", "queries_checksum", "qrels"):
        assert found["task"][part] == found["beir"][part]
    assert found["task"]["origin"]["task"] == "ToySuite"


def test_a_task_that_ignores_identical_ids_has_them_taken_out_of_its_runs(tmp_path, harness):
    texts = [{"id": f"d{i}", "text": f"net {'rope ' * i}"} for i in range(1, 5)]
    judged = [{"query-id": "d1", "corpus-id": "d2", "score": 1}, {"query-id": "d3", "corpus-id": "d4", "score": 1}]
    files = {"corpus": {"c": texts}, "queries": {"q": texts}, "default": {"test": judged}}
    write_task(tmp_path / "ToySelf.py", "ToySelf", write_repository(tmp_path / "hub", files), ignore=True)
    write_collection(tmp_path / "toy")
    (tmp_path / "suite.yaml").write_text(SUITE.format(task="Self"))
    for words in (("run", "suite.yaml"), ("plan", "suite.yaml")):
        done = harness(*words, HF_HOME=str(tmp_path / "hf"), MTEB_CACHE=str(tmp_path / "mc"))
        assert done.returncode == 0, done.stderr
    run = next(tmp_path.glob("results/*/*/runs/task/bm25.trec.gz"))
    pairs = [line.split()[0:3:2] for line in gzip.decompress(run.read_bytes()).decode().splitlines()]
    assert pairs and all(query != document for query, document in pairs)


@pytest.mark.external
def test_scifact_is_the_same_as_from_its_beir_folder(tmp_path, harness):
    if "HARNESS_TEST_DATA" not in os.environ:
        pytest.skip("HARNESS_TEST_DATA names no folder of collections")
    beir = Path(os.environ["HARNESS_TEST_DATA"]) / "beir" / "scifact"
    (tmp_path / "toy").symlink_to(beir)
    write_task(tmp_path / "ToySciFact.py", "ToySciFact", from_beir(beir, tmp_path / "hub"))
    (tmp_path / "suite.yaml").write_text(SUITE.format(task="SciFact"))
    done = harness("run", "suite.yaml", HF_HOME=str(tmp_path / "hf"), MTEB_CACHE=str(tmp_path / "mc"))
    assert done.returncode == 0, done.stderr
    results = Results.load(next(tmp_path.glob("results/*/*/run.json")))
    task, folder = results.part("datasets")["task"], results.part("datasets")["beir"]
    for part in ("corpus", "queries_checksum", "qrels"):
        assert task[part] == folder[part]
    found = [results.value(name, "bm25", "nDCG@10") for name in ("task", "beir")]
    assert found[0] == found[1] == pytest.approx(0.6789, abs=0.01)
