"""Two hundred adversarial pairs of TREC files, scored here and by pytrec_eval."""

import pytest

from harness.score import score_files
from tests.adversarial import write_pair
from tests.oracle.test_measures import TREC, survivable

pytrec_eval = pytest.importorskip("pytrec_eval")


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_two_hundred_pairs_agree_with_pytrec_eval(tmp_path, first):
    worst = 0.0
    for seed in range(first, first + 50):
        pair = write_pair(tmp_path, seed)
        ours = score_files(pair.qrels, pair.run, TREC)
        theirs = pytrec_eval.RelevanceEvaluator(survivable(pair.judged), set(TREC.values())).evaluate(pair.found)
        assert list(ours.query_ids) == sorted(pair.judged, key=str.encode)
        for name, other in TREC.items():
            for query, value in zip(ours.query_ids, ours.values[name], strict=True):
                worst = max(worst, abs(value - theirs.get(query, {}).get(other, 0.0)))
        assert ours.census.n_missing == len(set(pair.judged) - set(pair.found))
        assert ours.census.n_extra == len(set(pair.found) - set(pair.judged))
    assert worst <= 1e-9
