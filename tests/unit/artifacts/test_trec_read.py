"""TREC files of every kind: read right, or refused with file and line; and the command that scores them."""

import gzip
import json
import subprocess
import sys

import pytest

from harness.artifacts.run_lines import RunLines
from harness.artifacts.trec import columns as trec_columns
from harness.artifacts.trec.read import read_qrels, read_run
from harness.errors import DataError
from tests.architecture.test_layers import HEAVY


def rows(run):
    queries, documents = run.queries.to_pylist(), run.documents.to_pylist()
    return [
        (queries[q], documents[d], s)
        for q, d, s in zip(run.query.tolist(), run.document.tolist(), run.scores.tolist(), strict=True)
    ]


@pytest.fixture(params=[1 << 23, 7], ids=["one block", "tiny blocks"])
def write(tmp_path, request, monkeypatch):
    monkeypatch.setattr(trec_columns, "BLOCK_BYTES", request.param)

    def put(data, name="x"):
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return tmp_path / name

    return put


PLAIN = "q2 Q0 d1 1 0.5 t\nq1 Q0 d9 1 -1 t\nq2 Q0 d10 7 0.5 t\nq2 Q0 d3 1 2e0 t\n"
READ = [("q1", "d9", -1.0), ("q2", "d3", 2.0), ("q2", "d10", 0.5), ("q2", "d1", 0.5)]
"""Ordered by query, by score, and ties by document, each in bytes: d10 > d1."""


DRESSES = {
    "as it is": PLAIN,
    "tabs": PLAIN.replace(" ", "\t"),
    "runs of white space": PLAIN.replace(" ", "  \t "),
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "empty lines": PLAIN.replace("\n", "  \n\n \t\n"),
    "no newline at the end": "\n\n" + PLAIN.rstrip("\n"),
    "byte-order mark": "\ufeff" + PLAIN,
    "gzip": gzip.compress(PLAIN.encode()),
    "two gzip members": gzip.compress(("\ufeff" + PLAIN[:20]).encode()) + gzip.compress(PLAIN[20:].encode()),
}


@pytest.mark.parametrize("data", DRESSES.values(), ids=DRESSES)
def test_a_run_in_every_dress(write, data):
    assert rows(read_run(write(data))) == READ


def test_odd_ids_are_ids(write):
    ids = ["x" * 100_000, "日本語", "a\u00a0b", "%20", "'\"", "-1", "nan"]
    data = "".join(f"{i} Q0 {i} 1 1 t\n" for i in ids)
    assert [(q, d) for q, d, _ in rows(read_run(write(data)))] == [(i, i) for i in sorted(ids, key=str.encode)]


def test_scores_are_float32_as_in_trec_eval(write):
    found = rows(read_run(write("q Q0 a 1 0.7000000001 t\nq Q0 b 2 0.7 t\nq Q0 c 3 1e-60 t\nq Q0 d 4 -0.0 t\n")))
    assert [document for _, document, _ in found] == ["b", "a", "d", "c"]


def test_judgements(write):
    found = read_qrels(write("q2 0 b +1\nq1 0 c -2\nq1 0 a 007\nq1 0 c -2\n"))
    assert list(found) == [("q1", "a", 7), ("q1", "c", -2), ("q2", "b", 1)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q 0 d 1", "x:3: expected 6 columns (query Q0 document rank score tag), found 4: this looks like judgements"),
        ("q Q0 d 1 1", "x:3: expected 6 columns"),
        ("q Q0 d 1 1 a tag", "found 7"),
        ("q Q0 d 1 one t", "x:3: the score should be a number, found 'one'"),
        ("q Q0 d 1 1_0 t", "found '1_0'"),
        ("q Q0 d 1 NaN t", "x:3: the score should be finite and in the range of float32, found 'NaN'"),
        ("q Q0 d 1 -Infinity t", "found '-Infinity'"),
        ("q Q0 d 1 1e309 t", "found '1e309'"),
        ("q Q0 d 1 1e39 t", "found '1e39'"),
        (f"q Q0 d 1 {'9' * 99_999} t", f"in the range of float32, found '{'9' * 80}'… (99999 characters)"),
        (
            "<html><body>404 Not Found</body></html>",
            "x:3: expected 6 columns (query Q0 document rank score tag), found 3",
        ),
        ("q2 Q0 d1 1 9 t", "x:3: the document 'd1' of the query 'q2' appears again; first in line 1"),
        (b"q Q0 \xff 1 1 t", "x:3: not UTF-8: invalid start byte"),
    ],
)
def test_a_damaged_run_is_refused_with_its_line(write, line, message):
    line = line if isinstance(line, bytes) else line.encode()
    with pytest.raises(DataError) as caught:
        read_run(write(b"q2 Q0 d1 1 0.5 t\n\n" + line + b"\nq3 Q0 d1 1 0.5 t\n"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 d 1 1 t", "x:2: expected 4 columns (query 0 document grade), found 6: this looks like a run"),
        ("q d 1", "expected 4 columns (query 0 document grade), found 3"),
        ("q 0 d 1.0", "x:2: the grade should be a whole number, found '1.0'"),
        ("q 0 d 0x1", "found '0x1'"),
        ("q 0 d 3000000000", "x:2: the grade should be between -2147483648 and 2147483647, found '3000000000'"),
        ("p 0 d 2", "x:2: the document 'd' of the query 'p' is judged 2 here and 1 in line 1"),
    ],
)
def test_damaged_judgements_are_refused_with_their_line(write, line, message):
    with pytest.raises(DataError) as caught:
        read_qrels(write(f"p 0 d 1\n{line}\n"))
    assert message in str(caught.value)


OTHER_FILES = {
    "nothing, gzipped": (gzip.compress(b""), "x: the file contains no data"),
    "zero bytes": (bytes(5000), "x:1: expected 6 columns (query Q0 document rank score tag), found 1"),
    "nothing": (b"", "x: the file contains no data; expected query Q0 document rank score tag"),
    "white space": (b" \n\n", "the file contains no data"),
    "cut gzip": (gzip.compress(PLAIN.encode())[:30], "damaged gzip"),
    "more behind gzip": (gzip.compress(PLAIN.encode()) + b"more", "damaged gzip"),
    "UTF-16": (PLAIN.encode("utf-16"), "this is UTF-16; expected lines in UTF-8, plain or gzipped"),
    "zip": (b"PK\x03\x04....", "this is a zip archive"),
    "carriage returns alone": (b"a\rb\rc", "expected 6 columns"),
    "every byte": (bytes(range(256)), "x:1: "),
}


@pytest.mark.parametrize(("data", "message"), OTHER_FILES.values(), ids=OTHER_FILES)
def test_other_files_are_refused(write, data, message):
    with pytest.raises(DataError) as caught:
        read_run(write(data))
    assert message in str(caught.value)


def test_a_file_without_lines_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(trec_columns, "LONGEST_BYTES", 1000)
    monkeypatch.setattr(trec_columns, "BLOCK_BYTES", 100)
    (tmp_path / "x").write_bytes(b"a" * 100_000)
    with pytest.raises(DataError, match="not a text file"):
        read_run(tmp_path / "x")


def test_a_run_is_saved_and_loaded(tmp_path, write):
    run = read_run(write(PLAIN))
    (tmp_path / "saved").mkdir()
    run.save(tmp_path / "saved")
    assert rows(RunLines.load(tmp_path / "saved")) == READ


def test_the_command(tmp_path, harness):
    (tmp_path / "qrels").write_text("q1 0 d9 1\nq2 0 d1 2\nq3 0 d1 1\n")
    (tmp_path / "run").write_text(PLAIN + "q9 Q0 d1 1 1 t\n")
    done = harness("score", "qrels", "run", "-m", "mrr@3", "-m", "nDCG@2", "--json", "--ties")
    said = json.loads(done.stdout)
    assert said["measures"] == {"RR@3": pytest.approx(4 / 9), "nDCG@2": pytest.approx(1 / 3)}
    assert said["per_query"]["q2"] == {"RR@3": pytest.approx(1 / 3), "nDCG@2": 0.0}
    assert said["ties"]["RR@3"]["expected"] == pytest.approx((1 + (1 / 2 + 1 / 3) / 2) / 3)
    counts = said["counts"]
    assert (counts["n_queries"], counts["n_missing"], counts["n_extra"], counts["tied_at"]["2"]) == (3, 1, 1, 1)
    assert counts["unjudged_at"]["3"] == pytest.approx(2 / 3)
    assert [one["measure"] for one in said["definitions"]] == ["RR@3", "nDCG@2"]
    assert "1 of 3 judged queries are not in the run" in done.stderr
    text = harness("score", "qrels", "run", "-m", "RR@3", "--per-query").stdout
    assert text == "RR@3\tq1\t1.0000\nRR@3\tq2\t0.3333\nRR@3\tq3\t0.0000\nRR@3\tall\t0.4444\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("qrels", "missing", "-m", "RR"), "missing: cannot be read: No such file"),
        (("qrels", ".", "-m", "RR"), "cannot be read: Is a directory"),
        (("run", "qrels", "-m", "RR"), "run:1: expected 4 columns"),
        (("qrels", "run", "-m", "nDGC@10"), "did you mean 'nDCG@10'?"),
        (("qrels", "run", "-m", "Bpref", "--ties"), "values over the orders of ties are not available for 'Bpref'"),
        (("big", "run", "-m", "nDCG(dcg='exp-log2')"), "accepts grades up to 1000, found 2000"),
    ],
)
def test_the_command_refuses_in_one_message(tmp_path, harness, words, message):
    (tmp_path / "qrels").write_text("q1 0 d9 1\n")
    (tmp_path / "big").write_text("q1 0 d9 2000\n")
    (tmp_path / "run").write_text(PLAIN)
    done = harness("score", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_imports_no_heavy_library(tmp_path):
    (tmp_path / "qrels").write_text("q1 0 d9 1\n")
    (tmp_path / "run").write_text(PLAIN)
    code = (
        "import sys; from harness.cli import main; sys.argv[0] = 'harness'\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", code, "score", str(tmp_path / "qrels"), str(tmp_path / "run"), "-m", "nDCG@10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "nDCG@10\tall\t1.0000" in done
    assert not [name for name in HEAVY if f"'{name}'" in done]
