"""One's own files are read by named columns in every format, and what is wrong is named with file, line and columns."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.datasets.files import CsvFiles, Files, JsonlFiles, ParquetFiles, TsvFiles
from harness.errors import DataError, UserError

DOCS = {
    "id": ["d1", "d2", "3"],
    "title": ["On nets", "", "A, B"],
    "text": ["They leak.", 'say "no"', "two\nlines"],
}
ASKS = {"id": ["q1", "q2", "q3"], "text": ["why?", " how? ", "not judged"]}
JUDGED = {"query_id": ["q1", "q2", "q2"], "doc_id": ["d1", "d2", "3"], "score": ["1", "0", "2"]}
PARTS = {"corpus": DOCS, "queries": ASKS, "qrels": JUDGED}
KINDS = {"jsonl": JsonlFiles, "csv": CsvFiles, "tsv": TsvFiles, "parquet": ParquetFiles}


def write(path: Path, columns: dict[str, list], **dialect) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = list(zip(*columns.values(), strict=True))
    ending = path.suffix.removeprefix(".")
    if ending == "parquet":
        pq.write_table(pa.table(columns), path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    elif ending == "tsv":
        path.write_text("".join("\t".join(row).replace("\n", " ") + "\n" for row in [tuple(columns), *rows]))
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, **dialect).writerows([columns, *rows])


def folder(root: Path, ending: str, **changes) -> Path:
    for name, columns in (PARTS | changes).items():
        write(root / f"{name}.{ending}", columns)
    return root


def contents(data: Files) -> list[str]:
    return [part.checksum() for part in (data.corpus(), data.queries(), data.qrels())]


@pytest.mark.parametrize("ending", KINDS)
def test_a_folder_of_three_files_is_read(tmp_path, ending):
    docs = DOCS | {"text": ["They leak.", 'say "no"', "two lines" if ending == "tsv" else "two\nlines"]}
    root = folder(tmp_path, ending, corpus=docs)
    for data in (KINDS[ending](path=root), Files(path=root)):
        assert dict(zip(data.corpus().ids, data.corpus().texts, strict=True)) == {
            "d1": "On nets They leak.",
            "d2": 'say "no"',
            "3": f"A, B {docs['text'][2]}",
        }
        assert (data.queries().ids, data.queries().texts) == (["q1", "q2"], ["why?", "how?"])
        assert data.unjudged_queries() == 1
        assert list(data.qrels()) == [("q1", "d1", 1), ("q2", "3", 2), ("q2", "d2", 0)]
        assert data.at_hand


def test_all_formats_give_the_same_fingerprints(tmp_path):
    docs = DOCS | {"text": ["They leak.", "say no", "lines"]}
    found = [contents(KINDS[ending](path=folder(tmp_path / ending, ending, corpus=docs))) for ending in KINDS]
    assert all(one == found[0] for one in found)


def test_formats_may_be_mixed_and_packed(tmp_path):
    plain = contents(Files(path=folder(tmp_path / "csv", "csv")))
    root = tmp_path / "mixed"
    write(root / "Documents.csv", DOCS)
    (root / "Documents.csv.gz").write_bytes(gzip.compress((root / "Documents.csv").read_bytes()))
    (root / "Documents.csv").unlink()
    write(root / "questions.parquet", ASKS)
    write(root / "relevance.jsonl", JUDGED | {"score": [1, 0, 2.0]})
    assert contents(Files(path=root)) == plain
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "csv").iterdir():
            archive.write(path, f"inner/{path.name}")
    assert contents(Files(path=tmp_path / "all.zip")) == plain


def test_awkward_names_are_said(tmp_path):
    plain = contents(Files(path=folder(tmp_path / "plain", "csv")))
    docs = {"Doc. Nr": DOCS["id"], "Heading ": DOCS["title"], "the body": DOCS["text"], "Price": ["1", "2", "3"]}
    write(tmp_path / "a/my docs.csv", docs, delimiter=";")
    write(tmp_path / "a/sub/ask.csv", {"Nr": ASKS["id"], "Frage": ASKS["text"]}, delimiter=";")
    write(
        tmp_path / "j.csv",
        {"Q": JUDGED["query_id"], "Doc. Nr": JUDGED["doc_id"], "OK?": JUDGED["score"]},
        delimiter=";",
    )
    data = Files(
        path=tmp_path / "a",
        corpus="my docs.csv",
        queries="sub/ask.csv",
        qrels="../j.csv",
        delimiter=";",
        columns={
            "corpus": {"id": "Doc. Nr", "title": "Heading", "text": "the body"},
            "queries": {"id": "Nr", "text": "Frage"},
            "qrels": {"query": "Q", "document": "Doc. Nr", "grade": "OK?"},
        },
    )
    assert contents(data) == plain
    assert data.notes()[0] == ("my docs.csv: id = 'Doc. Nr', title = 'Heading', text = 'the body'; not read: 'Price'")


def test_text_of_several_columns_and_no_title(tmp_path):
    root = folder(tmp_path, "csv")
    several = Files(path=root, columns={"corpus": {"text": ["text", "title"]}})
    assert several.corpus().texts[1] == "They leak. On nets"
    assert Files(path=root, columns={"corpus": {"title": ""}}).corpus().texts[1] == "They leak."


def test_one_grade_for_every_line(tmp_path):
    root = folder(tmp_path, "csv", qrels={"query_id": ["q1"], "doc_id": ["d1"]})
    with pytest.raises(
        DataError, match=r"qrels.csv:1: no column has a usual name of the grade .* columns: {qrels: {grade: 1}}"
    ):
        Files(path=root).qrels()
    assert list(Files(path=root, columns={"qrels": {"grade": 1}}).qrels()) == [("q1", "d1", 1)]


def test_line_ends_marks_and_long_values_do_not_matter(tmp_path):
    docs = DOCS | {"text": ["x" * 200_000, "b", "c"]}
    root = folder(tmp_path, "csv", corpus=docs)
    plain = contents(Files(path=root))
    for name in PARTS:
        path = root / f"{name}.csv"
        data = path.read_bytes().replace(b"\r\n", b"\n")
        path.write_bytes(b"\xef\xbb\xbf" + data + b"\n  \n")
    assert contents(Files(path=root)) == plain


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("corpus.csv", "", "corpus.csv: the file is empty; expected the names of the columns in the first line"),
        (
            "corpus.csv",
            "id,text\nd1,x,y\n",
            "corpus.csv:2: expected 2 columns as in line 1, found 3; a value that contains ',' must be quoted",
        ),
        ("corpus.csv", 'id,text\nd1,"x\ny"\nd2\n', "corpus.csv:4: expected 2 columns as in line 1, found 1"),
        (
            "corpus.csv",
            'id,text\nd1,x\nd2,"never\nclosed',
            r"corpus.csv:3: damaged row \(unexpected end of data\)",
        ),
        ("corpus.csv", "id,text\nd1,x\nd1,y\n", r"corpus.csv:3: duplicate id 'd1' \(first in line 2\)"),
        ("corpus.csv", "id,text\n,x\n", "corpus.csv:2: 'id' must be an id, and is empty"),
        ("corpus.csv", "Id,ID,text\n", "corpus.csv:1: 'Id' and 'ID' could each be the id; name one, as in"),
        ("corpus.csv", "id,text,text\nd,x,y\n", "corpus.csv:1: 'text' and 'text' could each be"),
        (
            "corpus.csv",
            "nr,txt\n",
            r"corpus.csv:1: no column has a usual name of the id .*; known: 'nr', 'txt'. Name it",
        ),
        ("corpus.csv", "id;text\nd1;x\n", 'corpus.csv:1: no column .* separated by ";", add `delimiter: ";"`'),
        ("corpus.csv", "id\ttext\nd1\tx\n", r'corpus.csv:1: no column .* add `delimiter: "\\t"`'),
        ("corpus.csv", "id,text\nd1,x\n,\n", "corpus.csv:3: 'id' must be an id, and is empty"),
        ("corpus.csv", "id,text\n", "corpus.csv: there are no documents"),
        ("corpus.csv", "id,text\nd1,x\0y\n", "corpus.csv:2: a zero byte: the file may be UTF-16"),
        (
            "corpus.csv",
            "id,text\nd1,x\n".encode("utf-16"),
            "corpus.csv:1: a zero byte: the file may be UTF-16, or not text",
        ),
        (
            "queries.csv",
            "id,text\n",
            "queries.csv: 2 of the 2 queries that .*qrels.csv judges are missing, such as 'q1'",
        ),
        ("corpus.csv", b"id,text\nd1,\xfcber\n", "corpus.csv:2: not UTF-8"),
        ("corpus.csv", b"PK\x03\x04\xff\xff", "corpus.csv:1: not UTF-8"),
        ("qrels.csv", "query_id,doc_id,score\nq1,d1,high\n", "qrels.csv:2: 'score' must be a grade, .* found 'high'"),
        ("qrels.csv", "query_id,doc_id,score\nq1,d1,0.5\n", "qrels.csv:2: 'score' must be a grade"),
        ("qrels.csv", "query_id,doc_id,score\nq1,d1,1\nq1,d1,2\n", "qrels.csv:3: judged as 2 here and as 1 in line 2"),
        ("qrels.csv", "query_id,doc_id,score\n", "qrels.csv: there are no judgements"),
        (
            "qrels.csv",
            "query_id,doc_id,score\nq9,d1,1\n",
            "queries.csv: 1 of the 1 queries that .*qrels.csv judges are missing",
        ),
        ("queries.csv", "id,text\nq1,a\nq1,b\nq2,c\n", r"queries.csv:3: duplicate id 'q1' \(first in line 2\)"),
    ],
)
def test_damage_is_named(tmp_path, monkeypatch, name, text, message):
    monkeypatch.chdir(folder(tmp_path, "csv"))
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=f"^{message}"):
        contents(CsvFiles(path=tmp_path))


def test_a_wrong_delimiter_is_hinted_at_where_columns_are_named(tmp_path):
    root = folder(tmp_path, "csv")
    (root / "corpus.csv").write_text("Nr;text\nd1;x\n")
    with pytest.raises(DataError, match=r"""corpus.csv:1: there is no column 'Nr', .* add `delimiter: ";"`"""):
        Files(path=root, columns={"corpus": {"id": "Nr"}}).corpus()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_that_stands_twice_is_refused_only_if_it_is_read(tmp_path, ending):
    root = folder(tmp_path, ending)
    if ending == "csv":
        (root / "corpus.csv").write_text("id,text,note,note\nd1,x,y,z\n")
    else:
        pq.write_table(
            pa.table([["d1"], ["x"], ["y"], ["z"]], names=["id", "text", "note", "note"]), root / "corpus.parquet"
        )
    assert Files(path=root).corpus().texts == ["x"]
    with pytest.raises(DataError, match="there is more than one column 'note', which is named as the title"):
        Files(path=root, columns={"corpus": {"title": "note"}}).corpus()


def test_a_title_that_only_some_objects_have_is_read_and_a_wrong_name_refused(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"id": "d1", "text": "x"}\n{"id": "d2", "Head": "On", "text": "y"}\n')
    titled = JsonlFiles(path=tmp_path, columns={"corpus": {"title": "Head"}})
    assert titled.corpus().texts == ["x", "On y"]
    with pytest.raises(
        DataError, match=r"corpus.jsonl:1: there is no column 'Haed', which is named in `columns: {corpus: {title"
    ):
        JsonlFiles(path=tmp_path, columns={"corpus": {"title": "Haed"}}).corpus()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": "d", "text": "x"}\n["d"]\n', "corpus.jsonl:2: expected an object, found a list"),
        (
            '{"id": "d", "text": "x"}\n{"id": "e", "txt": "x"}\n',
            r"corpus.jsonl:2: the field 'text' is missing; did you mean 'txt'\?",
        ),
        ('{"id": "d", "text": ["x"]}\n', "corpus.jsonl:1: 'text' must be text, found a list"),
        (
            '{"id": 1.5, "text": "x"}\n',
            "corpus.jsonl:1: 'id' must be an id, text or a whole number, found the number 1.5",
        ),
        ('{"id": "d", "text": "\\ud83d"}\n', "corpus.jsonl:1: half a character"),
        ('{"id": "d", "text": }\n', "corpus.jsonl:1:21: not JSON"),
        ("[" * 100_000 + "\n", "corpus.jsonl:1: not JSON"),
        ("", "corpus.jsonl: there are no JSON objects"),
    ],
)
def test_damaged_jsonl_is_named(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(folder(tmp_path, "jsonl"))
    Path("corpus.jsonl").write_text(text)
    with pytest.raises(DataError, match=f"^{message}"):
        JsonlFiles(path=tmp_path).corpus()


def test_damaged_parquet_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(folder(tmp_path, "parquet", corpus={"id": [1.5], "text": ["x"]}))
    with pytest.raises(DataError, match=r"^corpus.parquet:1: 'id' must be an id"):
        ParquetFiles(path=tmp_path).corpus()
    Path("corpus.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"^corpus.parquet: not a readable Parquet file"):
        ParquetFiles(path=tmp_path).corpus()
    pq.write_table(pa.table({"id": [1, 2], "text": ["x", None]}), "corpus.parquet")
    assert (ParquetFiles(path=tmp_path).corpus().ids, ParquetFiles(path=tmp_path).corpus().texts) == (
        ["1", "2"],
        ["x", ""],
    )


def test_a_tsv_in_quotes_is_hinted_at(tmp_path):
    root = folder(tmp_path, "tsv")
    (root / "corpus.tsv").write_text('id\ttext\nd1\t"one\ttwo"\n')
    with pytest.raises(DataError, match="if values are quoted, add `quotes: true`"):
        TsvFiles(path=root).corpus()
    assert TsvFiles(path=root, quotes=True).corpus().texts == ["one\ttwo"]


def test_files_that_are_not_there_or_not_one(tmp_path):
    root = folder(tmp_path, "csv")
    (root / "queries.csv").rename(root / "asked.csv")
    with pytest.raises(
        UserError, match=r"no file in .* has a usual name of the queries \(queries, topics, questions, …"
    ):
        Files(path=root).queries()
    with pytest.raises(
        UserError, match=r"the file askd.csv \(or askd.csv.gz\) is not in .*; did you mean 'asked.csv'\?"
    ):
        Files(path=root, queries="askd.csv").queries()
    write(root / "docs.jsonl", DOCS)
    with pytest.raises(
        UserError, match=r"corpus.csv and docs.jsonl in .* could each be the corpus; name one, as in `corpus: corpus"
    ):
        Files(path=root).corpus()
    assert len(CsvFiles(path=root).corpus()) == 3
    (root / "docs.txt").write_text("x")
    with pytest.raises(DataError, match="the extension names no format; "):
        Files(path=root, corpus="docs.txt").corpus()


def test_revision_moves_with_files_and_settings(tmp_path):
    root = folder(tmp_path, "csv")
    seen = {Files(path=root).revision, Files(path=root, delimiter=";").revision, CsvFiles(path=root).revision}
    write(root / "qrels.csv", JUDGED | {"score": ["2", "2", "2222"]})
    assert len(seen | {Files(path=root).revision}) == 4


def test_a_delimiter_is_one_character():
    for wrong in ("", ";;", '"', "\n"):
        with pytest.raises(ValueError, match="delimiter"):
            Files(path="x", delimiter=wrong)


def test_a_suite_names_files_beside_it_and_its_mistakes_have_places(tmp_path, harness):
    folder(tmp_path / "my", "csv")
    suite = tmp_path / "s.yaml"

    def ran(words):
        suite.write_text(
            f"name: s\ndatasets:\n  mine: {words}\nmeasures: [nDCG@10]\nsystems: {{bm25: [{{index: bm25}}]}}\n"
        )
        return harness("plan", suite)

    assert ran("{source: csv, path: my}").returncode == 0
    assert ran("{source: files, corpus: my/corpus.csv, queries: my/queries.csv, qrels: my/qrels.csv}").returncode == 0
    wrong = ran("{source: csv, path: my, columns: {corpus: {txt: x}}}")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "harness: s.yaml:3:52: unknown key 'txt'; did you mean 'text'?\n"
    wrong = ran("{source: csv, path: my, qrel: x}")
    assert wrong.stderr == "harness: s.yaml:3:33: unknown key 'qrel'; did you mean 'qrels'?\n"
