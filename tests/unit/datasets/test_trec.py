"""Documents, topics and judgements in the layouts of TREC are read, and damage is named with file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.datasets.trec import Trec
from harness.errors import DataError, UserError

TAGGED = """\
<DOC>
<DOCNO> FT-1 </DOCNO>
<DATE>1991</DATE>
<HEADLINE>On <b>nets</b></HEADLINE>
<TEXT>
They leak &amp; tear,
a < b.
</TEXT>
</DOC>
<DOC><DOCNO>FT-2</DOCNO><TEXT>one</TEXT><TEXT>two</TEXT></DOC> <DOC><DOCNO>FT-3</DOCNO></DOC>
"""
WEB = """\
<DOC>
<DOCNO>WTX-1</DOCNO>
<DOCHDR>
http://nowhere 10.0.0.1 text/html
</DOCHDR>
<html><head><title>A page</title><script>var x = "<p>";</script></head><body><!-- no --><p>of words</body></html>
</DOC>
"""
CLASSIC = """\
<top>
<num> Number: 051
<title> Topic: Leaking nets

<desc> Description:
Why do nets leak?
<narr> Narrative:
Relevant is what says why.
</top>

<top><num>52</num><title>Tearing nets</title><desc>How?</desc></top>
"""
XML = """\
<?xml version="1.0"?>
<topics task="x">
<topic number="51" type="single"><query>Leaking nets</query>
<description>Why do nets leak?</description></topic>
<topic number='52'><query>Tearing nets</query><description>How?</description></topic>
</topics>
"""
QRELS = "51 0 FT-1 1\n51 0 WTX-1 -2\n52 0 FT-2 2\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "documents/disk1").mkdir(parents=True)
    (tmp_path / "documents/disk1/ft.txt").write_text(TAGGED)
    (tmp_path / "documents/web.gz").write_bytes(gzip.compress(WEB.encode()))
    (tmp_path / "topics.51-52.txt").write_text(CLASSIC)
    (tmp_path / "qrels.txt").write_text(QRELS)
    return tmp_path


def contents(data):
    return [part.checksum() for part in (data.corpus(), data.queries(), data.qrels())]


def test_a_folder_is_read(folder):
    data = Trec(path=folder)
    corpus = data.corpus()
    assert dict(zip(corpus.ids, corpus.texts, strict=True)) == {
        "FT-1": "On nets They leak & tear, a < b.",
        "FT-2": "one two",
        "FT-3": "",
        "WTX-1": "A page of words",
    }
    queries = data.queries()
    assert (queries.ids, queries.texts) == (["51", "52"], ["Leaking nets", "Tearing nets"])
    assert list(data.qrels()) == [("51", "FT-1", 1), ("51", "WTX-1", -2), ("52", "FT-2", 2)]
    assert data.notes() == []


def test_other_layouts_give_the_same(folder):
    plain = contents(Trec(path=folder))
    (folder / "topics.xml.gz").write_bytes(gzip.compress(XML.encode()))
    (folder / "topics.tsv").write_text("51\tLeaking nets\n52\tTearing nets\n53\tnot judged\n")
    corpus = Trec(path=folder, topics="topics.tsv").corpus()
    rows = [f"{key}\t{text}\n" for key, text in zip(corpus.ids, corpus.texts, strict=True)]
    (folder / "flat.tsv").write_text("".join(rows))
    (folder / "q.gz").write_bytes(gzip.compress(QRELS.replace(" ", "\t").encode()))
    for topics in ("topics.xml.gz", "topics.tsv"):
        said = {"documents": "flat.tsv", "topics": topics, "qrels": "q.gz"}
        data = Trec(path=folder, **said)
        assert contents(data) == plain
        assert data.unjudged_queries() == (1 if topics == "topics.tsv" else 0)
    for documents in ("documents", "documents/**/*", str(folder / "documents")):
        assert contents(Trec(path=folder, documents=documents, topics="topics.tsv")) == plain


def test_fields_are_chosen(folder):
    data = Trec(path=folder, query=["title", "desc"], text=["text", "headline"])
    assert data.queries().texts[0] == "Leaking nets Why do nets leak?"
    assert data.corpus().texts[0] == "They leak & tear, a < b. On nets"
    assert data.notes() == [
        "the query consists of the topic's title and desc",
        "the text of a document consists of: text, headline",
    ]
    with pytest.raises(UserError, match=r"no document has a <HEDLINE>, which `text` names; did you mean 'HEADLINE'\?"):
        Trec(path=folder, text=["hedline"]).corpus()
    with pytest.raises(
        DataError, match=r"topics.51-52.txt:11: the topic '52' has no <narr>; .* name the fields that form the query"
    ):
        Trec(path=folder, query=["narr"]).queries()


def test_an_encoding_is_said(folder):
    (folder / "documents/disk1/ft.txt").write_bytes(TAGGED.replace("nets", "Nétze").encode("latin-1"))
    with pytest.raises(DataError, match=r"ft.txt:4: not UTF-8"):
        Trec(path=folder).corpus()
    assert Trec(path=folder, encoding="latin-1").corpus().texts[0].startswith("On Nétze")
    for wrong in ("utf-16", "nonsense", "hex"):
        with pytest.raises(ValueError, match="expected an encoding that keeps ASCII"):
            Trec(path=folder, encoding=wrong)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<DOC>\n<TEXT>x</TEXT>\n</DOC>\n", "1: this document has no <DOCNO>"),
        ("<DOC>\n<DOCNO>a</DOCNO>\n", "1: this <doc> is not closed"),
        ("<DOC><DOCNO>a</DOCNO>\n<DOC>\n", "2: <DOC> inside the <doc> of line 1, which lacks its </doc>"),
        ("<x>\n</DOC>\n", "2: </DOC> without an opening <doc>"),
        ("<DOC><DOCNO>a</DOCNO></DOC>\nhello\n", "2: text outside <doc>: 'hello'"),
        (
            "<DOC><DOCNO>a</DOCNO></DOC>\n<DOC><DOCNO> a </DOCNO></DOC>\n",
            r"2: duplicate id 'a' \(first in line 1\)",
        ),
        ("a\tb\nc\n", r"2: expected 2 columns separated by a tab \(docno, text\), found 1"),
        ("a\tb\tc\n", "1: expected 2 columns"),
        (" \tb\n", "1: the docno is empty"),
        ("", " the file is empty"),
    ],
)
def test_damaged_documents_are_named(folder, text, message):
    (folder / "one").write_text(text)
    with pytest.raises(DataError, match=f"^one:{message}"):
        Trec(path=folder, documents="one").corpus()


def test_an_id_in_two_files_names_both(folder):
    (folder / "documents/more").write_text("FT-1\tagain\n")
    with pytest.raises(DataError, match=r"documents/more:1: duplicate id 'FT-1' \(first at documents/disk1/ft.txt:1\)"):
        Trec(path=folder).corpus()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<top>\n<title>x\n</top>\n", "1: this topic has no number"),
        ("<top>\n<num>51\n<title>x\n", "1: this <top> is not closed"),
        ("<html>51</html>", "1: text outside <topic>: '<html>51</html>'"),
        ("51\tx\n51\ty\n52\tz\n", r"2: duplicate id '51' \(first in line 1\)"),
        ("51\tx\n", " 1 of the 2 queries that qrels.txt judges are missing, such as '52'"),
    ],
)
def test_damaged_topics_are_named(folder, text, message):
    (folder / "t").write_text(text)
    with pytest.raises(DataError, match=f"^t:{message}"):
        Trec(path=folder, topics="t").queries()


def test_damaged_judgements_are_named(folder):
    (folder / "qrels.txt").write_text("51 0 FT-1 1\n51 0 FT-1\n")
    with pytest.raises(DataError, match=r"^qrels.txt:2: expected 4 columns \(query 0 document grade\), found 3"):
        Trec(path=folder).qrels()


def test_what_is_missing_is_answered_with_what_is_there(folder):
    with pytest.raises(UserError, match=r"topics: topic.txt does not exist; did you mean 'topics.51-52.txt'\?"):
        Trec(path=Path(), topics="topic.txt").queries()
    with pytest.raises(UserError, match=r"no file of documents in disk\*"):
        Trec(path=Path(), documents="disk*").corpus()
    (folder / "queries.tsv").write_text("51\tx\n")
    with pytest.raises(
        UserError, match=r"queries.tsv and topics.51-52.txt in . could each be the topics; name one, as in `topics: "
    ):
        Trec(path=Path()).queries()
    (folder / "documents/old.Z").write_bytes(b"x")
    with pytest.raises(UserError, match=r"documents/old.Z is compressed as .Z; expected plain text or gzip"):
        Trec(path=Path()).corpus()
    (folder / "qrels.txt").unlink()
    with pytest.raises(UserError, match=r"no qrels in .*: name the file \(`qrels: NAME`\); known: "):
        Trec(path=Path()).qrels()


def test_revision_moves_with_each_file(folder):
    (folder / "topics.tsv").write_text("51\tx\n")
    data = Trec(path=folder, topics="topics.tsv")
    seen = {data.revision, Trec(path=folder, topics="topics.tsv", query=["desc"]).revision}
    for name in ("documents/disk1/ft.txt", "topics.tsv", "qrels.txt"):
        with (folder / name).open("a") as file:
            file.write("\n")
        seen.add(data.revision)
    assert len(seen) == 5
