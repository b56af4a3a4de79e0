"""Two hundred adversarial pairs of TREC files, scored here and by pytrec_eval."""

import pytest

pytest.importorskip("pytrec_eval")

from tests.makers.adversarial import largest_difference, write_pair


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_two_hundred_pairs_agree_with_pytrec_eval(tmp_path, first):
    assert max(largest_difference(write_pair(tmp_path, seed)) for seed in range(first, first + 50)) <= 1e-9
