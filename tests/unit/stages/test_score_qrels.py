"""The stage that scores runs by qrels: the row law, its recipe, its errors."""

import numpy as np
import pytest

from harness.artifacts.judgements import Qrels
from harness.artifacts.run import Run
from harness.artifacts.scores import Scores
from harness.artifacts.text import Corpus, Queries
from harness.errors import UserError
from harness.registry import METRICS, STAGES
from harness.stage import Runtime
from harness.stages.score.qrels import QrelsScorer

CORPUS = Corpus.of((f"d{i}", "") for i in range(20))
QUERIES = Queries.of((f"q{i}", "") for i in range(9))
QRELS = Qrels.of((f"q{i}", f"d{2 * i}", i % 3) for i in range(8))


def test_a_slice_of_the_run_gives_that_slice_of_the_scores():
    run = Run.top(np.random.default_rng(0).random((9, 20)), 10)
    score = QrelsScorer(measure="nDCG@10").open(Runtime(), CORPUS, QUERIES, QRELS)
    whole = score(run)
    assert np.isnan(whole.values).tolist() == [False] * 8 + [True]
    assert whole.rows == range(9)
    parts = [score(run.take(part)) for part in (slice(0, 4), slice(4, 5), slice(5, 9))]
    np.testing.assert_array_equal(Scores.join(parts).values, whole.values)


def test_the_recipe_names_measure_and_kernel(monkeypatch):
    stage = STAGES.register("score/qrels", QrelsScorer)(measure="ndcg@10")
    assert stage.measure == "nDCG@10"
    assert stage.recipe["settings"] == {"measure": "nDCG@10"}
    assert stage.recipe["provider"] == "harness/1"
    monkeypatch.setattr(METRICS["nDCG"], "version", 2)
    assert stage.recipe["provider"] == "harness/2"


def test_a_wrong_name_is_refused_with_the_settings():
    with pytest.raises(UserError, match="did you mean 'nDCG@10'"):
        QrelsScorer(measure="nDGC@10")
