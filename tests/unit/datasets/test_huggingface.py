"""Collections in the layout of the hub, read by the library `datasets`, here from local folders."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.datasets.beir import Beir
from harness.datasets.huggingface import HuggingFace
from harness.errors import DataError, MissingLibrary, SuiteError, UserError
from harness.suite import load_suite
from tests.conftest import write_collection
from tests.makers.local_tasks import from_beir, write_repository

datasets = pytest.importorskip("datasets", reason="datasets is an extra")

CORPUS = [{"_id": "d1", "title": "On nets", "text": "They leak."}, {"_id": "d2", "title": None, "text": " plain "}]
QUERIES = [{"_id": "q1", "text": "leaks?"}, {"_id": "q2", "text": "what is plain?"}, {"_id": "q3", "text": "unjudged"}]
QRELS = [
    {"query-id": "q1", "corpus-id": "d1", "score": 2},
    {"query-id": "q2", "corpus-id": "d2", "score": 0},
]
ONE = {"corpus": {"corpus": CORPUS}, "queries": {"queries": QUERIES}, "default": {"test": QRELS}}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


def test_a_folder_is_read(tmp_path):
    data = HuggingFace(path=write_repository(tmp_path / "hub", ONE))
    assert (data.corpus().ids, data.corpus().texts) == (["d1", "d2"], ["On nets They leak.", "plain"])
    assert (data.queries().ids, data.queries().texts) == (["q1", "q2"], ["leaks?", "what is plain?"])
    assert data.unjudged_queries() == 1
    assert [tuple(row) for row in data.qrels()] == [("q1", "d1", 2), ("q2", "d2", 0)]
    assert (data.notes(), data.origin(), data.at_hand) == ([], {}, True)


def test_a_beir_folder_is_the_same_collection(tmp_path):
    beir = write_collection(tmp_path / "toy")
    ours, theirs = HuggingFace(path=from_beir(beir, tmp_path / "hub")), Beir(path=beir)
    for part in ("corpus", "queries", "qrels"):
        assert getattr(ours, part)().checksum() == getattr(theirs, part)().checksum()


def test_folders_of_parquet_with_columns_of_their_own(tmp_path):
    tables = {
        "corpus/part-0.parquet": {"docno": [7, 8], "head": ["a", "b"], "body": ["x", "y"]},
        "asked/train.parquet": {"n": ["q1", "q2"], "words": ["one", "two"]},
        "judged/test.parquet": {"q": ["q1"], "d": [7], "label": [1.0]},
    }
    for name, table in tables.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True)
        pq.write_table(pa.table(table), tmp_path / "mine" / name)
    parts = {
        "corpus": {"columns": {"id": "docno", "title": "head", "text": "body"}},
        "queries": {"config": "asked", "split": "train", "columns": {"id": "n", "text": "words"}},
        "qrels": {"config": "judged", "columns": {"query": "q", "document": "d", "grade": "label"}},
    }
    data = HuggingFace(path=tmp_path / "mine", parts=parts)
    assert dict(zip(data.corpus().ids, data.corpus().texts, strict=True)) == {"7": "a x", "8": "b y"}
    assert data.queries().texts == ["one"]
    assert [tuple(row) for row in data.qrels()] == [("q1", "7", 1)]


def test_what_is_not_there_is_named(tmp_path):
    folder = write_repository(tmp_path / "hub", ONE)
    with pytest.raises(UserError, match=r"the qrels of .*hub: there is no split 'tset'; did you mean 'test'\?"):
        HuggingFace(path=folder, split="tset").qrels()
    with pytest.raises(UserError, match=r"there is no configuration 'corpse'; did you mean 'corpus'\?"):
        HuggingFace(path=folder, parts={"corpus": {"config": "corpse"}}).corpus()
    with pytest.raises(DataError, match=r"there is no column 'txt'; did you mean 'text'\?"):
        HuggingFace(path=folder, parts={"corpus": {"columns": {"text": "txt"}}}).corpus()
    with pytest.raises(UserError, match=r"there is no folder .*hob; did you mean 'hub'\?"):
        HuggingFace(path=tmp_path / "hob").corpus()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"the corpus of .*empty: there is no configuration 'corpus'; none is known"):
        HuggingFace(path=tmp_path / "empty").corpus()
    with pytest.raises(DataError, match="1 of the 2 queries that the split 'test' judges are missing, such as 'q2'"):
        HuggingFace(path=write_repository(tmp_path / "few", ONE | {"queries": {"queries": QUERIES[:1]}})).queries()


@pytest.mark.parametrize(
    ("part", "rows", "message"),
    [
        ("corpus", [{"_id": None, "text": "x"}], "row 1: an id must be text or a whole number, found None"),
        ("corpus", [{"_id": "d", "text": None}, {"_id": "e", "text": "x"}], "row 1: the text is missing"),
        ("corpus", [{"_id": "d", "text": ["a"]}], r"row 1: expected a text, found \['a'\]"),
        ("corpus", [CORPUS[0], CORPUS[0]], "the id 'd1' appears more than once"),
        (
            "qrels",
            [{"query-id": "q1", "corpus-id": "d1", "score": 0.5}],
            "the grade must be a whole number, found 0.5",
        ),
        ("qrels", [{"query-id": "q1", "corpus-id": "d1", "score": "1"}], "a whole number, found '1'"),
        ("qrels", [{"query-id": "q1", "corpus-id": "d1", "score": 2**40}], "a whole number, found 1099511627776"),
        ("qrels", [{"query-id": "q1", "corpus-id": "d1"}], "there is no column 'score'"),
        ("qrels", [QRELS[0], QRELS[0] | {"score": 1}], "judged twice, as 1 and as 2"),
    ],
)
def test_damage_is_refused(tmp_path, part, rows, message):
    files = ONE | ({"corpus": {"corpus": rows}} if part == "corpus" else {"default": {"test": rows}})
    with pytest.raises(DataError, match=message):
        getattr(HuggingFace(path=write_repository(tmp_path / "hub", files)), part)()


def test_a_file_that_is_torn_is_one_line(tmp_path, capfd):
    folder = write_repository(tmp_path / "hub", ONE)
    (folder / "corpus" / "corpus.jsonl").write_text('{"_id": "d1", "te')
    with pytest.raises(UserError, match=r"cannot be read: .*JSON") as raised:
        HuggingFace(path=folder).corpus()
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_the_hub_without_a_network(tmp_path):
    data = HuggingFace(id="mteb/scifact", revision="d" * 40)
    assert not data.at_hand
    with pytest.raises(UserError, match=r"the corpus of mteb/scifact cannot be read: .*Hub"):
        data.corpus()
    with pytest.raises(UserError, match="the corpus of mteb/scifact cannot be read"):
        HuggingFace(id="mteb/scifact").corpus()


def test_commits_are_named_and_what_is_unpinned_is_said(tmp_path):
    head = tmp_path / "home" / "hub" / "datasets--mteb--scifact" / "refs"
    before = HuggingFace(id="mteb/scifact").revision
    head.mkdir(parents=True)
    (head / "main").write_text("c" * 40)
    loose = HuggingFace(id="mteb/scifact")
    assert loose.revision != before
    assert loose.notes() == [f"mteb/scifact at {'c' * 40}, unpinned: set `revision`, so that the data cannot change"]
    assert loose.origin()["corpus"] == {"repository": "mteb/scifact", "revision": "c" * 40, "pinned": False}
    parts = {"qrels": {"id": "BeIR/scifact-qrels", "revision": "e" * 40}}
    pinned = HuggingFace(id="BeIR/scifact", revision="d" * 40, parts=parts)
    assert pinned.notes() == [f"BeIR/scifact at {'d' * 40}", f"BeIR/scifact-qrels at {'e' * 40}"]
    assert not pinned.at_hand
    mixed = HuggingFace(id="mteb/scifact", revision="d" * 40, parts={"qrels": {"revision": "e" * 40}})
    assert mixed.notes() == [
        f"mteb/scifact at {'d' * 40} (more than one revision)",
        f"mteb/scifact at {'e' * 40} (more than one revision)",
    ]
    for name, commit in (("scifact", "d" * 40), ("scifact-qrels", "e" * 40)):
        (tmp_path / "home" / "hub" / f"datasets--BeIR--{name}" / "snapshots" / commit).mkdir(parents=True)
    assert pinned.at_hand


def test_the_commit_reaches_the_library(monkeypatch):
    asked = []
    hub = {"corpus": ["corpus"], "queries": ["queries"], "default": ["train", "test"]}
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda place, revision: list(hub))
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda place, config, revision: hub[config])

    def load_dataset(place, config, split, revision):
        asked.append((place, config, split, revision))
        return datasets.Dataset.from_list({"corpus": CORPUS, "queries": QUERIES, "default": QRELS}[config])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    data = HuggingFace(id="mteb/scifact", revision="d" * 40)
    assert (len(data.corpus()), len(data.queries()), len(data.qrels())) == (2, 2, 2)
    place = ("mteb/scifact", "d" * 40)
    assert {(a, d) for a, _, _, d in asked} == {place}
    assert {(b, c) for _, b, c, _ in asked} == {("corpus", "corpus"), ("queries", "queries"), ("default", "test")}


def test_revision_moves_with_files_and_settings(tmp_path):
    folder = write_repository(tmp_path / "hub", ONE)
    seen = {HuggingFace(path=folder).revision, HuggingFace(path=folder, split="dev").revision}
    (folder / "more.jsonl").write_text("")
    seen.add(HuggingFace(path=folder).revision)
    assert len(seen) == 3


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'retrieval-harness\[hf\]'"):
        HuggingFace(path=write_repository(tmp_path / "hub", ONE)).corpus()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{source: huggingface}", r"suite.yaml:3:3: set either 'id', a repository on the hub, or 'path', a folder"),
        ("{source: huggingface, id: a/b, path: c}", "set either 'id'"),
        ("{source: huggingface, path: c, revision: d}", "'revision' is for a repository"),
        ("{source: huggingface, id: a/b, revison: d}", r"unknown key 'revison'; did you mean 'revision'\?"),
        (
            "{source: huggingface, id: a/b, parts: {corpus: {columns: {txt: t}}}}",
            r"corpus has no field 'txt'; did you mean 'text'",
        ),
    ],
)
def test_a_suite_is_refused_with_its_place(tmp_path, words, message):
    path = tmp_path / "suite.yaml"
    path.write_text(f"name: x\ndatasets:\n  one: {words}\nmeasures: [nDCG@10]\nsystems: {{a: [{{index: bm25}}]}}\n")
    with pytest.raises(SuiteError, match=message):
        load_suite(path)


def test_a_suite_runs_over_a_folder(tmp_path, harness):
    from_beir(write_collection(tmp_path / "toy"), tmp_path / "hub")
    (tmp_path / "suite.yaml").write_text(
        "name: x\ndatasets:\n  hub: {source: huggingface, path: hub}\n  beir: {source: beir, path: toy}\n"
        "measures: [nDCG@10]\nsystems: {bm25: [{index: bm25}]}\n"
    )
    done = harness("run", "suite.yaml", HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 0, done.stderr
    found = json.loads(next(tmp_path.glob("results/*/*/run.json")).read_text())["datasets"]
    assert found["hub"]["corpus"] == found["beir"]["corpus"] and found["hub"]["qrels"] == found["beir"]["qrels"]
