"""The BEIR layout is read as published, and damage is named with its file and line."""

import gzip
import json
import os
from pathlib import Path

import pytest

from harness.datasets.beir import Beir
from harness.errors import DataError, UserError

DOCS = [
    {"_id": "d2", "title": "On nets", "text": "They leak.", "metadata": {}},
    {"_id": "d1", "text": "No title"},
    {"_id": 7, "title": None, "text": "A number for an id"},
]
ASKS = [{"_id": "q1", "text": "why?"}, {"_id": "q2", "text": "how?"}, {"_id": "train", "text": "not judged"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t0\nq2\t7\t-1\n"


def rows(objects):
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects).encode()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "toy"
    (root / "qrels").mkdir(parents=True)
    (root / "corpus.jsonl").write_bytes(rows(DOCS))
    (root / "queries.jsonl").write_bytes(rows(ASKS))
    (root / "qrels/test.tsv").write_bytes(QRELS.encode())
    return root


def contents(data):
    return [part.checksum() for part in (data.corpus(), data.queries(), data.qrels())]


def test_a_collection_is_read(folder):
    data = Beir(path=folder)
    corpus, queries = data.corpus(), data.queries()
    assert dict(zip(corpus.ids, corpus.texts, strict=True)) == {
        "7": "A number for an id",
        "d1": "No title",
        "d2": "On nets They leak.",
    }
    assert (queries.ids, queries.texts) == (["q1", "q2"], ["why?", "how?"])
    assert data.unjudged_queries() == 1
    assert list(data.qrels()) == [("q1", "d1", 1), ("q2", "7", -1), ("q2", "d2", 0)]
    assert data.at_hand
    assert data.references() is None


def crlf(data):
    return data.replace(b"\n", b"\r\n")


def marked(data):
    return b"\xef\xbb\xbf" + data


def blank_end(data):
    return data + b"\n \n"


def open_end(data):
    return data.rstrip(b"\n")


@pytest.mark.parametrize("change", [crlf, marked, blank_end, open_end])
def test_line_ends_and_marks_do_not_matter(folder, change):
    plain = contents(Beir(path=folder))
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (folder / name).write_bytes(change((folder / name).read_bytes()))
    assert contents(Beir(path=folder)) == plain


def test_gzip_is_read(folder):
    plain = contents(Beir(path=folder))
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    assert contents(Beir(path=folder)) == plain
    whole = (folder / "corpus.jsonl.gz").read_bytes()
    (folder / "corpus.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"corpus.jsonl.gz: damaged gzip after line"):
        Beir(path=folder).corpus()


def test_qrels_need_no_header(folder):
    plain = Beir(path=folder).qrels().checksum()
    (folder / "qrels/test.tsv").write_text(QRELS.partition("\n")[2])
    assert Beir(path=folder).qrels().checksum() == plain


def test_a_line_separator_inside_a_text_ends_no_line(folder):
    (folder / "corpus.jsonl").write_bytes(rows([{"_id": "d", "text": "one\u2028two\x85three"}]))
    assert Beir(path=folder).corpus().texts == ["one\u2028two\x85three"]


def test_a_title_of_a_query_is_not_its_text(folder):
    (folder / "queries.jsonl").write_bytes(rows([{"_id": "q1", "title": "T", "text": " why? "}, ASKS[1]]))
    assert Beir(path=folder).queries().texts == ["why?", "how?"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "d9", "text": }', r"4:23: not JSON: Expecting value"),
        ('["d9", "x"]', "4: expected an object with '_id' and 'text', found a list"),
        ('{"id": "d9", "text": "x"}', r"4: the field '_id' is missing; did you mean 'id'\?"),
        ('{"_id": "d9", "body": "x"}', "4: the field 'text' is missing; known: '_id', 'body'"),
        ('{"_id": "d9", "text": null}', "4: the field 'text' must be a string, found null"),
        ('{"_id": "d9", "text": 3.5}', "4: the field 'text' must be a string, found the number 3.5"),
        ('{"_id": "d9", "text": "x", "title": ["x"]}', "4: the field 'title' must be a string, found a list"),
        ('{"_id": true, "text": "x"}', "4: the field '_id' must be a string, found true or false"),
        ('{"_id": "", "text": "x"}', "4: the field '_id' is empty"),
        ('{"_id": "d9", "text": "\\ud83d"}', "4: half a character .*, which UTF-8 cannot encode"),
        ('{"_id": "d1", "text": "x"}', r"4: duplicate id 'd1' \(first in line 2\)"),
        ('{"_id": "7", "text": "x"}', r"4: duplicate id '7' \(first in line 3\)"),
        (b'{"_id": "d9", "text": "\xff"}', "4: not UTF-8"),
    ],
)
def test_a_damaged_document_is_named_with_its_line(folder, line, message):
    with (folder / "corpus.jsonl").open("ab") as file:
        file.write(line if isinstance(line, bytes) else line.encode())
    with pytest.raises(DataError, match=rf"^{Path('toy/corpus.jsonl')}:{message}"):
        Beir(path=folder).corpus()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 d1 1", "5: expected 3 columns separated by tabs"),
        ("q1\t0\td1\t1", r"5: expected 3 columns separated by tabs \(query, document, grade\), found 4"),
        ("q1\td9\t0.5", "5: the grade must be a whole number, found '0.5'"),
        ("q1\td9\tscore", "5: the grade must be a whole number, found 'score'"),
        ("q1\td9\t1_0", "5: the grade"),
        ("q1\td9\t99999999999", "5: the grade"),
        ("\td9\t1", "5: an id is empty"),
        ("q1\td1\t2", "5: judged as 2 here and as 1 in line 2"),
    ],
)
def test_a_damaged_judgement_is_named_with_its_line(folder, line, message):
    with (folder / "qrels/test.tsv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=rf"^{Path('toy/qrels/test.tsv')}:{message}"):
        Beir(path=folder).qrels()


def test_an_equal_judgement_may_stand_twice(folder):
    with (folder / "qrels/test.tsv").open("a") as file:
        file.write("q1\td1\t1\n")
    assert len(Beir(path=folder).qrels()) == 3


def test_a_split_that_judges_nothing(folder):
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DataError, match="there are no judgements"):
        Beir(path=folder).qrels()


def test_judged_queries_must_be_there_once(folder):
    (folder / "queries.jsonl").write_bytes(rows(ASKS[:1]))
    with pytest.raises(DataError, match="1 of the 2 queries that the split 'test' judges are missing, such as 'q2'"):
        Beir(path=folder).queries()
    (folder / "queries.jsonl").write_bytes(rows([*ASKS, ASKS[2], ASKS[0]]))
    with pytest.raises(DataError, match=r"queries\.jsonl:5: duplicate id 'q1' \(first in line 1\)"):
        Beir(path=folder).queries()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "tset"}, r"the file tset.tsv \(or tset.tsv.gz\) is not in .*qrels; did you mean 'test.tsv'\?"),
        ({"path": "toi"}, r"the folder toi is not in .*; did you mean 'toy'\?"),
        ({"path": "toy/qrels/test.tsv"}, "is a file; expected the folder of a collection or a zip of one"),
    ],
)
def test_what_is_missing_is_answered_with_what_is_there(folder, settings, message):
    where = folder.parent / settings.pop("path", "toy")
    with pytest.raises(UserError, match=message):
        _ = Beir(path=where, **settings).revision
    with pytest.raises(UserError, match=message):
        Beir(path=where, **settings).qrels()


def test_revision_moves_with_each_file(folder):
    data, seen = Beir(path=folder), set()
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        seen.add(data.revision)
        assert data.revision in seen
        os.utime(folder / name, ns=(1, 1))
    assert len(seen | {data.revision}) == 4


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="splits"):
        Beir(path="x", splits="test")


@pytest.mark.external
def test_scifact():
    if "HARNESS_TEST_DATA" not in os.environ:
        pytest.skip("HARNESS_TEST_DATA names no folder of collections")
    root = Path(os.environ["HARNESS_TEST_DATA"]) / "beir/scifact"
    data = Beir(path=root)
    assert [len(part) for part in (data.corpus(), data.queries(), data.qrels())] == [5183, 300, 339]
    assert contents(data) == [
        "436c91b21cf550e1ad0c8a7afb7cfeeb1253d4ea84b2c34434a3f210ba648d31",
        "b734924783b379c6e64b5a584a0b9023b1af3fec881f7b16d6e275fe9d60f356",
        "222f41111b5c47b7d790c0f278e73058c5f66340dd3aaccbcb05b5fee77323a6",
    ]
    train = Beir(path=root, split="train")
    assert (len(train.queries()), len(train.qrels())) == (809, 919)
