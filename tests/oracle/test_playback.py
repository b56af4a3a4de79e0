"""The stored scores of a real cross-encoder, played back by a plug-in: the order that it gives, and what that gains."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.results import Results

PLAYBACK = '''
"""Stored scores in the place of a reranker; documents without one follow those that have one, as they stood."""

import csv

import numpy as np

from harness.artifacts.run import NONE, Run
from harness.registry import STAGES
from harness.stage import Reranker


@STAGES.register("rerank/playback")
class Playback(Reranker):
    """Order by the scores of a file of three columns: query, document, score."""

    uses_model = False
    depth: int
    path: str

    def open(self, runtime, corpus, queries, model):
        """Read the scores; the call reorders a Run."""
        with open(self.path) as file:
            stored = {(row[0], row[1]): float(row[2]) for row in list(csv.reader(file, delimiter="\\t"))[1:]}
        documents, asked = corpus.ids, queries.ids

        def rerank(run):
            head = run.documents[:, : self.depth]
            scores = np.full(head.shape, -np.inf)
            for row, place in np.argwhere(head != NONE):
                key = (asked[run.rows[row]], documents[head[row, place]])
                scores[row, place] = stored.get(key, -1000.0 - place)
            return run.led_by(Run.top(scores, self.depth, documents=head, rows=run.rows))

        return rerank
'''


def rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open() as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def ndcg(ranked: list[str], judged: dict[str, int]) -> float:
    """Järvelin and Kekäläinen 2002, at 10, by hand."""
    best = sorted(judged.values(), reverse=True)
    gained = sum(judged.get(document, 0) / math.log2(place + 2) for place, document in enumerate(ranked[:10]))
    return gained / sum(grade / math.log2(place + 2) for place, grade in enumerate(best[:10]))


@pytest.mark.external
def test_stored_scores_raise_bm25_as_a_rescoring_by_hand_does(
    harness: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    data = Path(os.environ.get("HARNESS_TEST_DATA", ""))
    found, scifact = sorted(data.glob("crossencoder_scores/*.scifact.tsv")), data / "beir" / "scifact"
    if not os.environ.get("HARNESS_TEST_DATA") or not found or not scifact.is_dir():
        pytest.skip("HARNESS_TEST_DATA does not name a folder with crossencoder_scores and beir/scifact")
    stored: dict[str, dict[str, float]] = {}
    for row in rows(found[0]):
        stored.setdefault(row["query-id"], {})[row["corpus-id"]] = float(row["score"])
    qrels: dict[str, dict[str, int]] = {}
    for row in rows(scifact / "qrels" / "test.tsv"):
        if row["query-id"] in stored:
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    assert len(qrels) == 45
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        (tmp_path / "set" / name).symlink_to(scifact / name)
    lines = [f"{query}\t{key}\t{grade}" for query, judged in qrels.items() for key, grade in judged.items()]
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    (tmp_path / "playback.py").write_text(PLAYBACK)
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: played\nplugins: [playback.py]\ndatasets: {set: {source: beir, path: set, split: test}}\n"
        "measures: [nDCG@10, R@100]\ndepth: 100\nsystems:\n  bm25: [{index: bm25}]\n"
        f"  played: [{{index: bm25}}, {{rerank: playback, depth: 100, path: {json.dumps(str(found[0]))}}}]\n"
    )
    done = harness("run", suite)
    assert done.returncode == 0, done.stderr
    results = Results.load(next((tmp_path / "results" / "played").iterdir()))
    before: dict[str, list[str]] = {}
    with gzip.open(results.folder / results.part("files")["runs"]["set"]["bm25"], "rt") as run:
        for query, _, document, *_ in map(str.split, run):
            before.setdefault(query, []).append(document)
    values, recall = [], []
    for query, judged in qrels.items():
        scored = [document for document in before[query] if document in stored[query]]
        ranked = sorted(scored, key=lambda document: stored[query][document], reverse=True)
        values.append(ndcg(ranked + [d for d in before[query] if d not in stored[query]], judged))
        recall.append(len(judged.keys() & set(before[query])) / len(judged))
    plain = results.value("set", "bm25", "nDCG@10")
    played = results.value("set", "played", "nDCG@10")
    assert plain == pytest.approx(sum(ndcg(before[q], judged) for q, judged in qrels.items()) / 45, abs=1e-9)
    assert played == pytest.approx(sum(values) / 45, abs=1e-9)
    assert plain is not None and played is not None and played > plain
    ceilings = {row.quantity: row.value for row in results.measurements if row.stage == "rerank/playback"}
    assert ceilings["ceiling@100_R@100"] == pytest.approx(sum(recall) / 45, abs=1e-9)
    assert "played, rerank/playback: 100 candidates allow R@100" in done.stdout
    assert "played, rerank/playback: 100 candidates allow nDCG@10" in done.stdout
