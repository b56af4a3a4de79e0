"""A document that bears its query's id is taken out of what was found, before any cut, where the data ask for it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.run import NONE, Run
from harness.artifacts.text import Corpus, Queries
from harness.measures.scoring.score_run import score_files
from harness.results import Results
from harness.stage import Runtime
from harness.stages.filter.identical_ids import IdenticalIds

CORPUS = Corpus.of([("a", "net"), ("b", "rope"), ("c", "sail"), ("d", "mast")])
QUERIES = Queries.of([("b", "rope?"), ("x", "net?"), ("d", "mast?")])  # in the order of ids: b, d, x
SUITE = """
name: own
datasets:
  own: {{source: jsonl, path: own{more}}}
measures: [nDCG@3, R@3]
depth: 3
systems:
  bm25: [{{index: bm25}}]
  theirs: [{{runfile: theirs.trec}}]
  both: [{{fuse: rrf, of: [bm25, theirs]}}]
"""


def found(documents: list[list[int]], scores: list[list[float]], rows: range = range(3)) -> Run:
    return Run(np.array(documents, np.int32), np.array(scores, np.float32), rows)


def taken(run: Run, depth: int = 2) -> Run:
    return IdenticalIds(depth=depth).open(Runtime(), CORPUS, QUERIES)(run)


def test_the_own_document_goes_and_the_next_moves_up() -> None:
    run = taken(found([[1, 0, 2], [0, 1, 3], [0, 1, 2]], [[3, 2, 1]] * 3))
    assert run.documents.tolist() == [[0, 2], [0, 1], [0, 1]]  # x is no document; d stood last
    assert run.scores.tolist() == [[2, 1], [3, 2], [3, 2]]


def test_missing_documents_stay_missing() -> None:
    run = taken(
        found(
            [[1, NONE, NONE], [NONE] * 3, [0, NONE, NONE]],
            [[3, -np.inf, -np.inf], [-np.inf] * 3, [1, -np.inf, -np.inf]],
        )
    )
    assert run.documents.tolist() == [[NONE, NONE], [NONE, NONE], [0, NONE]]


def test_a_slice_gives_that_slice_of_the_answer() -> None:
    whole = found([[1, 0, 2], [3, 1, 0], [0, 1, 2]], [[3, 2, 1]] * 3)
    part = found([[3, 1, 0]], [[3, 2, 1]], range(1, 2))
    assert taken(part).documents.tolist() == taken(whole).documents[1:2].tolist() == [[1, 0]]
    assert taken(part).rows == range(1, 2)


def write(folder: Path) -> None:
    """Write a collection whose queries stand in the corpus, each best found by itself, and a run of another system."""
    texts = {f"d{i}": f"net {'rope ' * i}" for i in range(1, 6)}
    rows = [json.dumps({"id": key, "text": text}) for key, text in texts.items()]
    (folder / "own").mkdir()
    (folder / "own" / "corpus.jsonl").write_text("\n".join(rows))
    (folder / "own" / "queries.jsonl").write_text("\n".join(rows))
    judged = [{"query id": f"d{i}", "doc id": f"d{i % 5 + 1}", "score": 1} for i in range(1, 6)]
    (folder / "own" / "qrels.jsonl").write_text("\n".join(map(json.dumps, judged)))
    ranked = [f"d{i} Q0 d{(i + step) % 5 + 1} 0 {9 - step} other" for i in range(1, 6) for step in range(-1, 4)]
    (folder / "theirs.trec").write_text("\n".join(ranked) + "\n")


def pairs(folder: Path, system: str) -> list[tuple[str, str]]:
    [run] = folder.glob(f"results/own/*/runs/own/{system}.trec.gz")
    lines = gzip.decompress(run.read_bytes()).decode().splitlines()
    return [(line.split()[0], line.split()[2]) for line in lines]


@pytest.mark.parametrize("ignore", [True, False])
def test_every_system_is_freed_of_them_before_the_cut(tmp_path: Path, harness, ignore: bool) -> None:
    write(tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITE.format(more=f", ignore_identical_ids: {str(ignore).lower()}"))
    done = harness("run", "suite.yaml")
    assert done.returncode == 0, done.stderr
    assert ("a document with the id of its query is removed" in done.stdout) == ignore
    assert "query ids that are also document ids: 5 (100.0% of the queries)" in " ".join(done.stdout.split())
    for system in ("bm25", "theirs", "both"):
        lines = pairs(tmp_path, system)
        assert len(lines) == 15  # three of each query, whether one was taken out or not
        assert any(query == document for query, document in lines) == (not ignore)
    run = json.loads(next(tmp_path.glob("results/own/*/run.json")).read_text())
    assert run["datasets"]["own"]["ignore_identical_ids"] == ignore
    [folder] = tmp_path.glob("results/own/*")
    assert harness("verify", folder).returncode == 0


def test_the_run_without_them_scores_as_the_whole_run_scored_without_them(tmp_path: Path, harness) -> None:
    write(tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITE.format(more=", ignore_identical_ids: true"))
    assert harness("run", "suite.yaml").returncode == 0
    [qrels] = tmp_path.glob("results/own/*/qrels/own.trec.gz")
    alone = score_files(qrels, tmp_path / "theirs.trec", ["nDCG@3", "R@3"], ignore_identical_ids=True)
    ours = Results.load(next(tmp_path.glob("results/own/*")))
    for name, value in alone.document()["measures"].items():
        assert value == ours.value("own", "theirs", name)


def test_the_setting_is_part_of_what_a_run_is_named_by(tmp_path: Path, harness) -> None:
    write(tmp_path)
    named = {}
    for ignore in ("true", "false"):
        (tmp_path / "suite.yaml").write_text(SUITE.format(more=f", ignore_identical_ids: {ignore}"))
        assert harness("data", "suite.yaml").returncode == 0
        plan = json.loads(harness("plan", "suite.yaml", "--json").stdout)
        named[ignore] = {stage["stage"]: stage["fingerprint"] for stage in plan["stages"]}
    assert "filter/identical_ids" in named["true"] and "filter/identical_ids" not in named["false"]
    assert named["true"]["index/bm25"] == named["false"]["index/bm25"]
