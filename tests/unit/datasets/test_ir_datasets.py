"""The library's collections are read as it publishes them; no test but the external ones reads a real one."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from harness.datasets.beir import Beir
from harness.datasets.ir_datasets import IrDatasets
from harness.errors import DataError, MissingLibrary, UnknownName, UserError


class Titled(NamedTuple):
    doc_id: str
    title: str
    text: str
    tags: list

    def default_text(self):
        return f"{self.title} {self.text}"


class Plain(NamedTuple):
    doc_id: str
    title: str
    text: str


class Parts(NamedTuple):
    doc_id: str
    summary: str
    detail: str


class Ask(NamedTuple):
    query_id: str
    title: str


class Judged(NamedTuple):
    query_id: str
    doc_id: str
    relevance: int


class Fake:
    """A collection as the library gives it; rows that are an exception are raised."""

    def __init__(self, docs=(), queries=(), qrels=()):
        self.parts = {"docs": docs, "queries": queries, "qrels": qrels}

    def has(self, part):
        return self.parts[part] is not None

    def docs_cls(self):
        return type(self.parts["docs"][0])

    def _rows(self, part):
        for row in self.parts[part]:
            if isinstance(row, Exception):
                sys.stderr.write("progress")
                raise row
            yield row

    def __getattr__(self, name):
        return lambda: self._rows(name.removesuffix("_iter"))


DOCS = [Titled("d1", "", "text", ["x", "y"]), Titled("d2", "Title", "more ", [])]
ASKS = [Ask("q1", " why? "), Ask("q2", "how?"), Ask("q3", "not judged")]
QRELS = [Judged("q1", "d1", 4), Judged("q2", "d2", -1)]
KNOWN = {
    "toy/test": Fake(DOCS, ASKS, QRELS),
    "toy": Fake(DOCS, ASKS, None),
    "plain": Fake([Plain("d", "Title", "text")], ASKS, QRELS),
    "parts": Fake([Parts("d", "short", "long")], ASKS, QRELS),
    "torn": Fake([DOCS[0], OSError("connection lost\nand more")], [RuntimeError("")], [*QRELS, Judged("q9", "d1", 1)]),
}


@pytest.fixture(autouse=True)
def library(monkeypatch, tmp_path):
    """A library of these collections, and an empty home."""
    log = SimpleNamespace(easy=lambda: SimpleNamespace(logger=lambda: None))
    fake = SimpleNamespace(load=KNOWN.__getitem__, registry=KNOWN, log=log)
    monkeypatch.setitem(sys.modules, "ir_datasets", fake)
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path))
    monkeypatch.setattr("harness.datasets.ir_datasets.version", lambda name: "0.0")
    return tmp_path


def test_a_collection_is_read():
    data = IrDatasets(id="toy/test")
    assert data.corpus().texts == ["text", "Title more"]
    assert (data.queries().ids, data.queries().texts) == (["q1", "q2"], ["why?", "how?"])
    assert data.unjudged_queries() == 1
    assert list(data.qrels()) == QRELS
    assert data.notes() == []


def test_a_document_without_a_default_text():
    assert IrDatasets(id="plain").corpus().texts == ["Title text"]
    with pytest.raises(UserError, match=r"name the fields .* 'parts': `fields` of \['doc_id', 'summary', 'detail'\]"):
        IrDatasets(id="parts").corpus()
    assert IrDatasets(id="parts", fields=["detail", "summary"]).corpus().texts == ["long short"]


def test_fields_make_the_text():
    data = IrDatasets(id="toy/test", fields=["text", "tags"])
    assert data.corpus().texts == ["text x y", "more"]
    assert data.notes() == ["the text of a document of toy/test consists of: text, tags"]
    with pytest.raises(UserError, match=r"no field 'txt'; did you mean 'text'\?"):
        IrDatasets(id="toy/test", fields=["txt"]).corpus()


def test_grades_are_mapped_and_each_must_be_named():
    data = IrDatasets(id="toy/test", grades={4: 1, -1: 0})
    assert data.part("qrels").grades.tolist() == [1, 0]
    assert data.changes() == ["grades are not used as published: -1 as 0, 4 as 1"]
    with pytest.raises(DataError, match="'d2' is judged as -1 for the query 'q2', and `grades` maps only 1, 4"):
        IrDatasets(id="toy/test", grades={4: 1, 1: 4}).part("qrels")


def test_an_unknown_id_and_a_part_that_is_not_published():
    with pytest.raises(UnknownName, match=r"has no collection 'toy/tset'; did you mean 'toy/test'\?"):
        IrDatasets(id="toy/tset").corpus()
    with pytest.raises(UserError, match=r"'toy' of ir_datasets has no qrels; did you mean 'toy/test'\?"):
        IrDatasets(id="toy").queries()


def test_what_the_library_raises_is_one_clear_error(capsys):
    data = IrDatasets(id="torn")
    with pytest.raises(UserError, match=r"cannot load the docs of 'torn' \(OSError: connection lost\); see https"):
        data.corpus()
    with pytest.raises(UserError, match=r"cannot load the queries of 'torn' \(RuntimeError: \)"):
        data.queries()
    assert len(data.qrels()) == 3


def test_nothing_is_drawn_while_it_starts(capsys):
    with pytest.raises(UserError):
        IrDatasets(id="torn").queries()
    assert capsys.readouterr() == ("", "")


def test_a_judged_query_must_be_there(monkeypatch):
    monkeypatch.setitem(KNOWN, "lost", Fake(DOCS, ASKS[:1], QRELS))
    with pytest.raises(DataError, match="1 of the 2 judged queries of 'lost' are missing, such as 'q2'"):
        IrDatasets(id="lost").queries()


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'retrieval-harness\[ir\]'"):
        IrDatasets(id="toy/test").corpus()


def test_at_hand_is_told_by_the_names_of_files(library):
    data = IrDatasets(id="toy/part/test")
    (library / "toy/part/test").mkdir(parents=True)
    for name in ("toy/part/irds_version.txt", "toy/part/queries.json", "toy/part/test.qrels", "toy/part/x.zip.tmp"):
        (library / name).write_text("")
        assert not data.at_hand
    (library / "toy/part/docs.pklz4").mkdir()
    (library / "toy/part/docs.pklz4/bin.pos").write_text("")
    (library / "toy/part/docs.pklz4/bin.meta").write_text("doc_id text")
    assert not data.at_hand
    (library / "toy/part/docs.pklz4/bin.pos").write_text("x")
    assert data.at_hand
    assert not IrDatasets(id="toy/other").at_hand


def test_revision_moves_with_settings_version_and_files(library, monkeypatch):
    seen = {IrDatasets(id=name).revision for name in ("toy/test", "toy/part")}
    seen.add(IrDatasets(id="toy/test", grades={1: 1}).revision)
    seen.add(IrDatasets(id="toy/test", fields=["text"]).revision)
    assert IrDatasets(id="toy/test").revision in seen
    (library / "toy").mkdir()
    (library / "toy/source.zip").write_text("")
    seen.add(IrDatasets(id="toy/test").revision)
    monkeypatch.setattr("harness.datasets.ir_datasets.version", lambda name: "0.1")
    seen.add(IrDatasets(id="toy/test").revision)
    assert len(seen) == 6


LOOK = """
import json, sys
from harness.datasets.ir_datasets import IrDatasets
from harness.errors import UserError
data = IrDatasets(**json.loads(sys.argv[1]))
assert "ir_datasets" not in sys.modules
try:
    parts = {part: data.part(part) for part in ("corpus", "queries", "qrels")}
    found = {part: [len(rows), rows.checksum()] for part, rows in parts.items()}
except UserError as error:
    found = {"error": str(error)}
print(json.dumps(found | {"at_hand": data.at_hand}))
"""


def look(home, **settings):
    """Ask the real library, in a process of its own: it looks at its home only once."""
    places = {"IR_DATASETS_HOME": str(home), "IR_DATASETS_TMP": str(home / "tmp"), "IR_DATASETS_DL_TRIES": "1"}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-W", "error", "-c", LOOK, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | places | nowhere, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.fixture
def home(tmp_path):
    """A copy of the home that HARNESS_TEST_DATA holds: the library writes into it."""
    if "HARNESS_TEST_DATA" not in os.environ:
        pytest.skip("HARNESS_TEST_DATA names no folder of collections")
    copy = tmp_path / "home"
    shutil.copytree(Path(os.environ["HARNESS_TEST_DATA"]) / "ir_datasets", copy, copy_function=shutil.copyfile)
    for folder in (copy, *copy.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    return copy


@pytest.mark.external
def test_scifact_is_the_same_from_both_sources(home):
    found = look(home, id="beir/scifact/test")
    data = Beir(path=Path(os.environ["HARNESS_TEST_DATA"]) / "beir/scifact")
    for part in ("corpus", "queries", "qrels"):
        rows = getattr(data, part)()
        assert found[part] == [len(rows), rows.checksum()]
    assert found["at_hand"]


@pytest.mark.external
def test_cranfield(home):
    raw = look(home, id="cranfield")
    mapped = look(home, id="cranfield", grades={"-1": 0, "1": 4, "2": 3, "3": 2, "4": 1})
    once = look(home, id="cranfield", fields=["text"])
    assert [raw[part][0] for part in ("corpus", "queries", "qrels")] == [1400, 225, 1837]
    assert mapped["corpus"] == raw["corpus"] != once["corpus"]
    assert mapped["qrels"] != raw["qrels"]


@pytest.mark.skipif(find_spec("ir_datasets") is None, reason="ir_datasets is not installed")
def test_without_a_network_the_real_library_is_one_clear_error(tmp_path):
    found = look(tmp_path / "home", id="beir/nfcorpus/test")
    assert "ir_datasets cannot load the docs of 'beir/nfcorpus/test'" in found["error"]
    assert not found["at_hand"]
