"""SciFact is one collection wherever it comes from: the same fingerprints, and the same nDCG@10 to the last digit."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from harness.results import Results
from tests.makers.local_tasks import from_beir, write_task

pytestmark = pytest.mark.external
CRANFIELD = {-1: 0, 1: 4, 2: 3, 3: 2, 4: 1}
SOURCES = {
    "folder": "{source: beir, path: scifact}",
    "zip": "{source: beir, path: scifact.zip}",
    "jsonl": "{source: jsonl, path: own}",
    "mteb": "{source: mteb, task: SciFactEverywhere}",
    "ir": "{source: ir_datasets, id: beir/scifact/test}",
}


@pytest.fixture
def data() -> Path:
    pytest.importorskip("ir_datasets", reason="ir_datasets is an extra")
    if "HARNESS_TEST_DATA" not in os.environ:
        pytest.skip("HARNESS_TEST_DATA names no folder of collections")
    return Path(os.environ["HARNESS_TEST_DATA"])


@pytest.fixture
def home(data: Path, tmp_path: Path) -> Path:
    """A copy of the library's home: it writes into it."""
    copy = tmp_path / "home"
    shutil.copytree(data / "ir_datasets", copy, copy_function=shutil.copyfile)
    for folder in (copy, *copy.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    return copy


def measured(tmp_path: Path, harness, text: str, home: Path) -> Results:
    """Run a suite of BM25 over some data sets."""
    systems = "measures: [nDCG@10, R@100]\nsystems:\n  bm25: [{index: bm25, k1: 0.9, b: 0.4}]\n"
    (tmp_path / "suite.yaml").write_text(f"name: everywhere\n{text}{systems}")
    places = {"IR_DATASETS_HOME": home, "HF_HOME": tmp_path / "hf", "MTEB_CACHE": tmp_path / "mteb"}
    done = harness("run", "suite.yaml", **{name: str(place) for name, place in places.items()})
    assert done.returncode == 0, done.stderr
    return Results.load(next(tmp_path.glob("results/everywhere/*")))


def as_jsonl(beir: Path, folder: Path) -> None:
    """Write a BEIR folder as files of one's own, in the opposite order."""
    folder.mkdir()
    for name in ("corpus", "queries"):
        lines = (beir / f"{name}.jsonl").read_text().splitlines()
        (folder / f"{name}.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    judged = [line.split("\t") for line in (beir / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    rows = [{"query_id": query, "doc_id": document, "score": int(grade)} for query, document, grade in judged]
    (folder / "qrels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_scifact_is_the_same_from_every_source(data: Path, home: Path, tmp_path: Path, harness) -> None:
    pytest.importorskip("mteb", reason="mteb is an extra")
    beir = data / "beir" / "scifact"
    (tmp_path / "scifact").symlink_to(beir)
    with zipfile.ZipFile(tmp_path / "scifact.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
            archive.write(beir / name, f"scifact/{name}")
    as_jsonl(beir, tmp_path / "own")
    task = write_task(tmp_path / "task.py", "SciFactEverywhere", from_beir(beir, tmp_path / "hub"))
    named = "".join(f"  {name}: {source}\n" for name, source in SOURCES.items())
    found = measured(tmp_path, harness, f"plugins: [{task.name}]\ndatasets:\n{named}", home)
    datasets = found.part("datasets")
    assert (datasets["ir"]["documents"], datasets["ir"]["queries"], datasets["ir"]["judgements"]) == (5183, 300, 339)
    for part in ("corpus", "queries_checksum", "qrels"):
        assert len({datasets[name][part] for name in SOURCES}) == 1, part
    assert {found.value(name, "bm25", "nDCG@10") for name in SOURCES} == {found.value("ir", "bm25", "nDCG@10")}
    assert found.value("ir", "bm25", "nDCG@10") == pytest.approx(0.6789, abs=0.01)  # Anserini, flat
    assert not datasets["folder"]["hygiene"]["findings"]


def test_cranfield_is_scored_by_mapped_grades(data: Path, home: Path, tmp_path: Path, harness) -> None:
    map_ = json.dumps({str(grade): read for grade, read in CRANFIELD.items()}).replace('"', "")
    text = (
        "datasets:\n  raw: {source: ir_datasets, id: cranfield}\n"
        f"  mapped: {{source: ir_datasets, id: cranfield, grades: {map_}}}\n"
    )
    found = measured(tmp_path, harness, text, home)
    raw, mapped = (found.part("datasets")[name] for name in ("raw", "mapped"))
    assert (raw["documents"], raw["queries"], raw["judgements"]) == (1400, 225, 1837)
    assert raw["corpus"] == mapped["corpus"] and raw["qrels"] != mapped["qrels"]
    assert any("some grades are negative (-1, 1, 2, 3, 4)" in finding for finding in raw["hygiene"]["findings"])
    assert mapped["hygiene"]["grades"] == {"0": 225, "1": 363, "2": 734, "3": 387, "4": 128}
    assert raw["hygiene"]["examples"]["empty_documents"] == ["471", "995"]
    assert found.value("raw", "bm25", "R@100") == found.value("mapped", "bm25", "R@100")
    assert found.value("raw", "bm25", "nDCG@10") != found.value("mapped", "bm25", "nDCG@10")
