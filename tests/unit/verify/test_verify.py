"""`harness verify`: a changed digit is found and named, by checksum, and by scoring where those were redone."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import harness
from harness.artifacts.judgements import Qrels
from harness.artifacts.trec.write import lines_checksum
from harness.errors import UserError
from harness.results import Results
from harness.results.manifest import MANIFEST, check_manifest, write_manifest
from harness.suite.suite import read_suite, suite_fingerprint
from harness.verify import verify
from harness.verify.verdict import Verdict
from tests.conftest import write_collection

pytest.importorskip("ir_measures")
SUITE = """
name: toy
datasets: {toy: {source: beir, path: toy, split: test}}
measures: [nDCG@10, R@20, ERR@10]
depth: 20
systems:
  bm25: [{index: bm25}]
  dense: [{encode: hashing, dim: 16}, {index: flat}]
  both: [{fuse: rrf, of: [bm25, dense]}]
expect:
  - {system: bm25, dataset: toy, nDCG@10: 0.9, within: 0.25, source: a guess}
"""
RUN_FILE, QRELS_FILE = "runs/toy/dense.trec.gz", "qrels/toy.trec.gz"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    write_collection(folder / "toy")
    (folder / "toy.yaml").write_text(SUITE)
    return harness.run(folder / "toy.yaml", results=folder / "results", store=folder / "store").folder


@pytest.fixture
def result(ran: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran, tmp_path / "result"))


def text_of(path: Path) -> str:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()


def write(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())


def other(digit: str) -> str:
    return str((int(digit) + 5) % 10)


def change(path: Path, position: int) -> int:
    """Change the digit there, and return its line."""
    text = text_of(path)
    write(path, text[:position] + other(text[position]) + text[position + 1 :])
    return text.count("\n", 0, position) + 1


def digits(path: Path, count: int) -> list[int]:
    found = [match.start() for match in re.finditer("[0-9]", text_of(path))]
    return random.Random(7).sample(found, count)


def edit_row(result: Path, number: int, **changes: object) -> None:
    file = result / "measurements.jsonl"
    lines = file.read_text().splitlines()
    lines[number - 1] = json.dumps(json.loads(lines[number - 1]) | changes)
    file.write_text("\n".join(lines) + "\n")


def row_of(result: Path, system: str, quantity: str) -> tuple[int, dict]:
    rows = [json.loads(line) for line in (result / "measurements.jsonl").read_text().splitlines()]
    return next((i, row) for i, row in enumerate(rows, 1) if (row["system"], row["quantity"]) == (system, quantity))


def said(verdict: Verdict) -> str:
    return "\n".join(map(str, verdict.differs))


def test_an_untouched_result_is_confirmed(result: Path) -> None:
    verdict = verify(result)
    assert (verdict.differs, verdict.unchecked) == ([], [])
    assert "3 measures of 3 runs" in verdict.text() and "nothing differs" in verdict.text()
    assert verify(result / "run.json").differs == []


@pytest.mark.parametrize("name", ["measurements.jsonl", "run.json", RUN_FILE, QRELS_FILE])
def test_a_changed_digit_anywhere_is_found_with_its_line(ran: Path, tmp_path: Path, name: str) -> None:
    for number, position in enumerate(digits(ran / name, 12)):
        copy = Path(shutil.copytree(ran, tmp_path / f"copy{number}"))
        line = change(copy / name, position)
        found = [finding for finding in verify(copy).differs if finding.place.file.endswith(name)]
        assert any(finding.place.line == line for finding in found), (position, found)


def test_a_changed_digit_of_the_checksums_is_found(ran: Path, tmp_path: Path) -> None:
    for number, position in enumerate(digits(ran / MANIFEST, 25)):
        copy = Path(shutil.copytree(ran, tmp_path / f"copy{number}"))
        change(copy / MANIFEST, position)
        assert verify(copy).differs, position


def test_a_changed_digit_in_a_long_run_is_found_near_its_line(tmp_path: Path) -> None:
    lines = "".join(f"q{i // 100} Q0 d{i} {i % 100 + 1} {1000 - i} t\n" for i in range(1000))
    write(tmp_path / "x.trec.gz", lines)
    write_manifest(tmp_path)
    line = change(tmp_path / "x.trec.gz", lines.index(" d777 ") + 4)
    found = [str(finding) for finding in check_manifest(tmp_path)]
    assert line == 778
    assert len(found) == 1 and "777: changed: a line from 777 to 780 differs" in found[0]


def test_a_changed_value_a_query_is_found(result: Path) -> None:
    change_values(result, lambda values: [values[0] / 2, *values[1:]])
    assert re.search(r"per_query\.parquet: changed", said(verify(result)))
    write_manifest(result)
    assert re.search(r"per_query\.parquet: nDCG@10 of bm25 on toy: the query 'q000' has 0\.", said(verify(result)))


def change_values(result: Path, how: Callable[[list[float]], list[float]]) -> None:
    file = result / "per_query.parquet"
    table = pq.read_table(file)
    values = pa.array(how(table["value"].to_pylist()), pa.float64())
    pq.write_table(table.set_column(table.column_names.index("value"), "value", values), file)


@pytest.mark.parametrize("quantity", ["nDCG@10", "R@20", "ERR@10"])
@pytest.mark.parametrize("name", ["value", "low", "high", "n"])
def test_a_changed_number_is_found_though_the_checksums_were_redone(result: Path, quantity: str, name: str) -> None:
    line, row = row_of(result, "dense", quantity)
    edit_row(result, line, **{name: row[name] + (1 if name == "n" else 1e-9)})
    write_manifest(result)
    finding = verify(result).differs[0]
    assert finding.place.file.endswith("measurements.jsonl") and finding.place.line == line
    assert f"{quantity} of dense on toy: {name} is" in finding.message


def test_a_changed_run_is_found_though_the_checksums_were_redone(result: Path) -> None:
    judged = {tuple(line.split()[::2]) for line in text_of(result / QRELS_FILE).splitlines()}
    lines = text_of(result / RUN_FILE).splitlines()
    words = [line.split() for line in lines]
    hit = next(i for i, line in enumerate(words) if (line[0], line[2]) in judged and line[3] != "1")
    words[hit][2], words[hit - 1][2] = words[hit - 1][2], words[hit][2]
    write(result / RUN_FILE, "\n".join(map(" ".join, words)) + "\n")
    write_manifest(result)
    assert f"{RUN_FILE}: the checksum of its lines is not the one that run.json gives" in said(verify(result))
    facts = json.loads((result / "run.json").read_text())
    facts["files"]["sha256"][RUN_FILE] = lines_checksum(result / RUN_FILE)
    (result / "run.json").write_text(json.dumps(facts))
    write_manifest(result)
    assert "per_query.parquet: nDCG@10 of dense on toy" in said(verify(result))


def test_a_score_against_its_rank_is_found_with_its_line(result: Path) -> None:
    lines = text_of(result / RUN_FILE).splitlines()
    fifth = lines[4].split()
    fifth[4] = "99"
    write(result / RUN_FILE, "\n".join([*lines[:4], " ".join(fifth), *lines[5:]]) + "\n")
    write_manifest(result)
    assert f"{RUN_FILE}:1: the rank is 1, but by score and then document id it is 2" in said(verify(result))


@pytest.mark.parametrize("how", ["grade", "added", "removed"])
def test_changed_judgements_are_found_though_the_checksums_were_redone(result: Path, how: str) -> None:
    lines = text_of(result / QRELS_FILE).splitlines()
    if how == "grade":
        lines[2] = lines[2][:-1] + other(lines[2][-1])
    elif how == "added":
        lines.append("q000 0 d99999 0")  # moves no measure
    else:
        lines.pop()
    write(result / QRELS_FILE, "\n".join(lines) + "\n")
    write_manifest(result)
    assert f"{QRELS_FILE}: the checksum of the judgements is not the one that run.json gives" in said(verify(result))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("depth: 20", "depth: 21", "fingerprint under suite"),
        ('"expected": 0.9', '"expected": 0.1', "the check of nDCG@10 of bm25 on toy says 'met'"),
        ('"status": "complete"', '"status": "failed"', "but no rows failed"),
        ('"R@20"', '"R@19"', "R@19 of bm25 on toy is missing"),
        ('"runs/toy/dense.trec.gz"', '"runs/toy/dense2.trec.gz"', "cannot be read: No such file"),
        ('"qrels": {', '"qrel": {', "names no judgements of 'toy'"),
        ('"runs": {', '"run5": {', "names no run file for it"),
    ],
)
def test_a_changed_fact_is_found_though_the_checksums_were_redone(
    result: Path, old: str, new: str, message: str
) -> None:
    file = result / "run.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    write_manifest(result)
    assert message in said(verify(result))


def test_rows_that_are_added_or_taken_away_are_found(result: Path) -> None:
    line, row = row_of(result, "bm25", "R@20")
    lines = (result / "measurements.jsonl").read_text().splitlines()
    lines[line - 1] = json.dumps(row | {"system": "ghost"})
    write(result / "measurements.jsonl", "\n".join(lines) + "\n")
    write_manifest(result)
    found = said(verify(result))
    assert "R@20 of bm25 on toy is missing" in found
    assert f"measurements.jsonl:{line}: R@20 of ghost on toy: run.json names no run file" in found


def test_files_that_come_or_go_or_break_are_named(result: Path) -> None:
    (result / "latency.parquet").write_bytes(b"x")
    (result / "per_query.parquet").unlink()
    (result / RUN_FILE).write_bytes((result / RUN_FILE).read_bytes()[:-40])
    found = said(verify(result))
    assert "latency.parquet: is not named by the manifest" in found
    assert "per_query.parquet: is missing" in found
    assert f"{RUN_FILE}: changed: it can no longer be unpacked" in found
    assert "damaged gzip" in found


def test_a_result_older_than_manifests_is_scored_again(result: Path) -> None:
    (result / MANIFEST).unlink()
    assert "manifest.json: is missing, although run.json names it" in said(verify(result))
    facts = json.loads((result / "run.json").read_text())
    del facts["manifest"]
    (result / "run.json").write_text(json.dumps(facts))
    verdict = verify(result)
    assert verdict.differs == [] and "no checksums" in verdict.text()
    edit_row(result, 1, value=0.5)
    assert "measurements.jsonl:1: nDCG@10 of bm25 on toy: value is 0.5" in said(verify(result))


@pytest.mark.parametrize("prices", ["{host: 0.17 USD/h}", "prices.yaml"], ids=["words", "file"])
def test_a_suite_with_prices_is_confirmed_and_a_change_of_it_found(
    write_suite: Callable[..., Path], harness: Callable, tmp_path: Path, prices: str
) -> None:
    (tmp_path / "prices.yaml").write_text("{date: 2026-06-17, source: a page, host: 0.17 USD/h}")
    ran = harness("run", write_suite("  bm25: [{index: bm25}]", head=f"prices: {prices}"))
    assert ran.returncode == 0, ran.stderr
    (folder,) = (tmp_path / "results" / "toy").iterdir()
    done = harness("verify", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((folder / "run.json").read_text())
    facts["suite"]["text"] = facts["suite"]["text"].replace("depth: 20", "depth: 30")
    write(folder / "run.json", json.dumps(facts))
    write_manifest(folder)
    assert "the fingerprint under suite is not that of its text" in said(verify(folder))


@pytest.mark.parametrize("text", ["- a list", "a word", "{a: [}", ""])
def test_a_text_that_is_no_suite_is_a_finding(result: Path, text: str) -> None:
    facts = json.loads((result / "run.json").read_text())
    facts["suite"]["text"] = text
    write(result / "run.json", json.dumps(facts))
    assert "the fingerprint under suite is not that of its text" in said(verify(result))


def test_a_measure_that_nothing_here_can_calculate_is_said_and_its_mean_checked(
    result: Path, harness: Callable
) -> None:
    for name in ("run.json", "measurements.jsonl"):
        write(result / name, text_of(result / name).replace("ERR@10", "Mine@10"))
    facts = json.loads((result / "run.json").read_text())
    facts["suite"]["fingerprint"] = suite_fingerprint(read_suite(facts["suite"]["text"], "toy.yaml").values)
    write(result / "run.json", json.dumps(facts))
    table = pq.read_table(result / "per_query.parquet")
    renamed = pc.replace_substring(table["quantity"], "ERR@10", "Mine@10")
    place = table.schema.get_field_index("quantity")
    pq.write_table(table.set_column(place, "quantity", renamed), result / "per_query.parquet")
    write_manifest(result)
    verdict = verify(result)
    assert verdict.differs == [] and "Mine@10 is not scored again" in verdict.unchecked[0]
    assert harness("verify", result).returncode == 3
    line, row = row_of(result, "both", "Mine@10")
    edit_row(result, line, low=row["low"] - 0.1)
    assert f"measurements.jsonl:{line}: Mine@10 of both on toy: low" in said(verify(result))


def test_ids_with_spaces_signs_and_nothing_found(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    (folder / "qrels").mkdir(parents=True)
    ids = ["a b", "a!b", "a%25b", "a\u00a0b", "z%41"]
    documents = [{"_id": key, "text": "same words here"} for key in ids]
    queries = [{"_id": "q 1", "text": "same"}, {"_id": "q!1", "text": "words"}, {"_id": "q2", "text": "absent"}]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "q 1\ta b\t1\nq!1\ta!b\t2\nq2\tz%41\t1\nq 1\ta\u00a0b\t2\n"
    )
    (tmp_path / "toy.yaml").write_text(
        SUITE.split("expect:")[0].replace("ERR@10", "RR").replace("both: [{fuse: rrf, of: [bm25, dense]}]", "")
        + "  none: [{index: bm25, stopwords: [same, words, absent]}]\n"
    )
    ran = harness.run(tmp_path / "toy.yaml", results=tmp_path / "results", store=tmp_path / "store")
    verdict = verify(ran.folder)
    assert verdict.differs == [] and "3 runs" in verdict.text()


@pytest.mark.parametrize("files", ['{"runs": 5}', '{"runs": {"toy": 5}}', '{"qrels": [], "runs": {"toy": {}}}', "[]"])
def test_facts_of_another_form_are_a_finding(result: Path, files: str) -> None:
    facts = json.loads((result / "run.json").read_text()) | {"files": json.loads(files), "suite": 5, "checks": [1]}
    (result / "run.json").write_text(json.dumps(facts))
    write_manifest(result)
    assert verify(result).differs


@pytest.mark.parametrize(
    "text", ["", "[]", '{"sha256": 5}', '{"format": 1, "sha256": {"../x": 1}, "lines": {}}', "\xff"]
)
def test_a_manifest_that_is_none_is_a_finding(result: Path, text: str) -> None:
    (result / MANIFEST).write_text(text, "latin-1")
    assert "manifest" in said(verify(result))


def test_the_command(result: Path, harness: Callable, tmp_path: Path) -> None:
    good = harness("verify", result)
    assert (good.returncode, good.stderr) == (0, "") and "nothing differs" in good.stdout
    line, _ = row_of(result, "bm25", "index_bytes")
    edit_row(result, line, value=12345)
    bad = harness("verify", result, "--json")
    assert bad.returncode == 1 and bad.stderr == ""
    finding = json.loads(bad.stdout)[0]["differs"][0]
    assert (Path(finding["file"]).name, finding["line"]) == ("measurements.jsonl", line)
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere", "toy.yaml"):
        none = harness("verify", tmp_path / folder)
        assert none.returncode == 2 and none.stderr.count("\n") == 1 and "not a result folder" in none.stderr


def test_judgements_are_named_by_the_checksum_of_what_was_used(ran: Path) -> None:
    facts = Results.load(ran).part("datasets")["toy"]
    rows = [line.split() for line in text_of(ran / QRELS_FILE).splitlines()]
    assert Qrels.of((query, doc, int(grade)) for query, _, doc, grade in rows).checksum() == facts["qrels"]
    with pytest.raises(UserError, match="not a result folder"):
        verify(ran.parent / "nowhere")
