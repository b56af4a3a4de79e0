"""Truncation: the first coordinates, unchanged, in a table of their own."""

from __future__ import annotations

import numpy as np
import pytest

from harness.artifacts.vectors import Vectors
from harness.errors import UserError
from harness.registry import STAGES
from harness.stage import Runtime
from harness.stages.reduce.truncate import Truncate

NAMED = STAGES["reduce/truncate"]  # a class learns its name when it is asked for


@pytest.mark.parametrize("dim", [1, 3, 8])
def test_keeps_the_first_coordinates(dim: int) -> None:
    array = np.random.default_rng(0).standard_normal((5, 8), dtype=np.float32)
    cut = Truncate(dim=dim).open(Runtime())(Vectors(array, range(10, 15)))
    np.testing.assert_array_equal(cut.array, array[:, :dim])
    assert cut.array.dtype == np.float32
    assert cut.array.flags.c_contiguous
    assert cut.rows == range(10, 15)


def test_no_rows() -> None:
    assert Truncate(dim=2).open(Runtime())(Vectors(np.empty((0, 4), np.float32))).array.shape == (0, 2)


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(UserError, match="reduce: truncate: the vectors have 4 dimensions, fewer than dim: 9"):
        Truncate(dim=9).open(Runtime())(Vectors(np.zeros((1, 4), np.float32)))
